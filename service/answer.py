"""Results on their way out: encoded pictures, and the facts about an edit."""

from __future__ import annotations

import base64
import dataclasses
import io
import string
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from isal import isal_zlib

from runtime.editor import EditResult
from runtime.png import png
from runtime.provenance import save_options
from service.media import JSON, PNG

# Media types of pictures, the default first, and how Pillow writes them.
PICTURES: Final[dict[str, dict[str, Any]]] = {
    PNG: {"kind": "PNG"},
    "image/jpeg": {"kind": "JPEG", "quality": 95},
    "image/webp": {"kind": "WEBP", "quality": 90},
}
OFFERS: Final = (*PICTURES, JSON)
TRANSLATION: Final = "X-Retouch-Translation"
_PRINTABLE: Final = " " + string.punctuation.replace("%", "")

# Time counts for more than bytes here.
_DEFLATE: Final = partial(isal_zlib.compress, level=1)


def encode(result: EditResult, media_type: str) -> bytes:
    """The file's bytes. PNG, what most callers want, is not left to Pillow, which is slow."""
    if media_type == PNG:
        chunks = save_options("PNG", result.provenance)["pnginfo"]
        return png(np.asarray(result.image), chunks, _DEFLATE)
    buffer = io.BytesIO()
    result.save(buffer, **PICTURES[media_type])
    return buffer.getvalue()


def in_base64(result: EditResult, media_type: str) -> str:
    """The file's bytes in base64, for JSON."""
    return base64.b64encode(encode(result, media_type)).decode("ascii")


def words(result: EditResult) -> dict[str, Any]:
    """What was asked, and what the text encoder was given in its place (None: just that)."""
    told = result.translation
    return {
        "instruction": result.params.instruction,
        "translation": dataclasses.asdict(told) if told else None,
    }


def facts(result: EditResult) -> dict[str, Any]:
    """What repeats the edit, what it cost, and the `verdict`."""
    return _numbers(result) | verdict(result)


def verdict(result: EditResult) -> dict[str, Any]:
    """Scores of the content check from 0 to 1, where there is one."""
    if result.content is None:
        return {}
    scores = dataclasses.asdict(result.content)
    return {"content": {name: round(score, 4) for name, score in scores.items()}}


def _numbers(result: EditResult) -> dict[str, Any]:
    return {
        "seed": result.params.seed,
        "size": f"{result.image.width}x{result.image.height}",
        "steps": result.params.steps,
        "sampler": result.params.sampler,
        "rows": result.rows,
        "seconds": round(result.timings.total_s, 3),
    }


def entry(result: EditResult) -> dict[str, Any]:
    """A result as JSON: its picture as PNG, and all that is known of it."""
    told = {**words(result), **facts(result), "timings_ms": stages(result)}
    return {"image": in_base64(result, PNG), "media_type": PNG, **told}


def stages(result: EditResult) -> dict[str, float]:
    """Milliseconds of the parts of `seconds`."""
    timings = result.timings
    seconds = {
        "queue": timings.queue_s,
        "encode": timings.encode_s,
        "denoise": timings.denoise_s,
        "decode": timings.decode_s,
    }
    return {name: round(1000 * value, 1) for name, value in seconds.items()}


def headers(result: EditResult) -> dict[str, str]:
    """`facts` and `stages` as response headers."""
    told = {f"X-Retouch-{name.title()}": str(value) for name, value in _numbers(result).items()}
    for scores in verdict(result).values():
        told["X-Retouch-Content"] = ",".join(f"{name}={value}" for name, value in scores.items())
    timing = ", ".join(f"{name};dur={value}" for name, value in stages(result).items())
    if result.translation:  # English with an accent or two: what ASCII lacks is percent-encoded
        told[TRANSLATION] = quote(result.translation.instruction, safe=_PRINTABLE)
    return told | {"Server-Timing": timing}
