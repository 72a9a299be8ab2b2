"""What a stream says: events of the HTML standard, section 9.2, with one line of JSON each."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any, Final

from anyio import to_thread
from PIL import Image

from runtime.progress import Progress
from runtime.worker import Pending

KEEP_ALIVE: Final = b": keep-alive\n\n"
_PREVIEW: Final = "image/webp"


def event(name: str, data: bytes) -> bytes:
    """`data` is one line."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def queued(pending: Sequence[Pending], position: int) -> bytes:
    width, height = pending[0].size
    told = {
        "position": position,
        "seeds": [one.params.seed for one in pending],
        "size": f"{width}x{height}",
        "steps": pending[0].params.steps,
    }
    return event("queued", json.dumps(told).encode())


class Previews:
    """Decides which progress is told with a preview: of each picture every `every` steps (0: none).

    Where steps were left out, the next that is told makes up for them.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._shown: dict[int, int] = {}

    async def event(self, progress: Progress) -> bytes:
        told: dict[str, Any] = {
            "image": progress.index,
            "step": progress.step,
            "steps": progress.steps,
            "remaining_seconds": round(progress.remaining_s, 3),
        }
        if self._due(progress):
            preview = await to_thread.run_sync(_encoded, progress)
            told |= {"preview": preview, "media_type": _PREVIEW}
        return event("progress", json.dumps(told).encode())

    def _due(self, progress: Progress) -> bool:
        if not self._every:
            return False
        before = self._shown.get(progress.index, 0)
        self._shown[progress.index] = reached = progress.step // self._every
        return reached > before


def _encoded(progress: Progress) -> str:
    """A WebP file in base64."""
    pixels = progress.preview()
    assert pixels is not None, "the face has checked that there is a projection"
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=90, method=0)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
