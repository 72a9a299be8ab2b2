"""API keys. The server knows their SHA-256 digests alone.

A key is 256 random bits, which nobody guesses, so that a plain digest hides it; the slow hashes
that passwords need would protect nothing more and cost every request a tenth of a second.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger("bentoml.retouch")

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_BOUND: Final = re.compile(r"[0-9]{1,9}")
WEIGHTS: Final = "weights"
_SYNTAX: Final = f"NAME SHA-256 [REQUESTS A MINUTE] [REQUESTS AT ONE TIME] [{WEIGHTS}]"
_LOOK_S: Final = 1.0  # between looks at the file


@dataclass(frozen=True, slots=True)
class Key:
    """`rate` requests a minute, `concurrency` at one time: 0 has no bound, None the default.

    `weights` says whether it may replace the weights that are served.
    """

    name: str
    digest: bytes
    rate: int | None = None
    concurrency: int | None = None
    weights: bool = False


def new_key(name: str) -> tuple[str, str]:
    """A key, and the line that makes it known. Raises `ValueError` for a bad name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"name {name!r:.80} cannot be used; give 1 to 64 of A-Za-z0-9._-")
    token = "retouch_" + secrets.token_urlsafe(32)
    return token, f"{name} {_digest(token.encode()).hex()}"


def parse_keys(text: str, source: str, known: Sequence[Key] = ()) -> list[Key]:
    """One key a line: `NAME SHA-256 [RATE] [CONCURRENCY] [weights]`; `#` begins a comment.

    Raises `ValueError` that names `source` and the line; also for a key that repeats one before it
    or in `known`. What is no digest is not in the message: it may be a key, written by mistake.
    """
    keys: list[Key] = []
    taken = {mark for key in known for mark in (key.name, key.digest)}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            key = _key(words)
            if not taken.isdisjoint((key.name, key.digest)):
                raise ValueError(f"{key.name} repeats a name or a key; drop one of the two")
        except ValueError as exc:
            raise ValueError(f"{source}, line {number}: {exc}") from exc
        taken |= {key.name, key.digest}
        keys.append(key)
    return keys


def _key(words: Sequence[str]) -> Key:
    name, digest, *bounds = words if len(words) > 1 else (*words, "")
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r:.80} is not of 1 to 64 of A-Za-z0-9._-; rename it")
    if not _DIGEST.fullmatch(digest):
        raise ValueError(
            f"{name} has no SHA-256 (64 hexadecimal digits) after it; "
            "make a key and its line with: retouch key NAME"
        )
    weights = bounds[-1:] == [WEIGHTS]
    bounds = bounds[: len(bounds) - weights]
    if len(bounds) > 2 or not all(map(_BOUND.fullmatch, bounds)):
        raise ValueError(f"{name} is not followed by whole numbers as in {_SYNTAX}; correct it")
    rate, concurrency, *_ = (*map(int, bounds), None, None)
    return Key(name, bytes.fromhex(digest), rate, concurrency, weights)


class Keyring:
    """The keys that are `fixed`, and those of a file, which is read again when it changes.

    Raises `ValueError` when the file cannot be used. If that happens later, the keys that were
    known go on, and the log tells. Not for several threads.
    """

    def __init__(self, fixed: Sequence[Key], file: Path | None, clock: Callable[[], float]) -> None:
        self._fixed, self._file, self._clock = tuple(fixed), file, clock
        self._stamp = self._look()
        self._keys = self._read()
        self._looked = clock()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, token: bytes) -> Key | None:
        """The key that `token` is, in a time that does not tell how near another one comes."""
        self._refresh()
        digest = _digest(token)
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        return found[0] if found else None

    def _refresh(self) -> None:
        if self._file is None or self._clock() - self._looked < _LOOK_S:
            return
        self._looked = self._clock()
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._keys = self._read()
                log.info("%s was read again: %d keys", self._file, len(self._keys))
        except ValueError as exc:
            log.error("the keys stay as they were: %s", exc)

    def _look(self) -> tuple[int, ...]:
        """What changes when the file does."""
        if self._file is None:
            return ()
        try:
            found = self._file.stat()
        except OSError as exc:
            raise _unreadable(self._file, exc) from exc
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[Key, ...]:
        if self._file is None:
            return self._fixed
        try:
            text = self._file.read_text("utf-8")
        except (OSError, UnicodeError) as exc:
            raise _unreadable(self._file, exc) from exc
        return *self._fixed, *parse_keys(text, str(self._file), self._fixed)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _unreadable(file: Path, exc: Exception) -> ValueError:
    return ValueError(f"{file} cannot be read ({exc}); set RETOUCH_API_KEYS_FILE to a text file")
