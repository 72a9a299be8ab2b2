"""What an operator lets in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.guard.keys import Key


@dataclass(frozen=True, slots=True)
class Access:
    """API keys, and the bounds of those that have none of their own.

    With neither `keys` nor a `file` of them whoever reaches the server may use it. `origins` are
    those of the web pages that browsers let call it.
    """

    keys: tuple[Key, ...] = ()
    file: Path | None = None
    rate: int = 0
    concurrency: int = 0
    origins: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return not self.keys and self.file is None
