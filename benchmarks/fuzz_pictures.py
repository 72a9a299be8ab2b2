"""Hooks of schemathesis (SCHEMATHESIS_HOOKS): some of the files that it makes up are pictures."""

from __future__ import annotations

import base64
import io

import schemathesis
from hypothesis import strategies
from PIL import Image


@strategies.composite
def pictures(draw: strategies.DrawFn) -> bytes:
    """Small ones of a colour, as PNG, JPEG or WebP."""
    size = draw(strategies.tuples(*[strategies.integers(1, 200)] * 2))
    colour = draw(strategies.tuples(*[strategies.integers(0, 255)] * 3))
    buffer = io.BytesIO()
    kind = draw(strategies.sampled_from(("PNG", "JPEG", "WEBP")))
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


FILES = strategies.one_of(pictures(), strategies.binary(max_size=2000))

for media_type in ("image/png", "image/jpeg", "image/webp"):
    schemathesis.openapi.media_type(media_type, FILES)
schemathesis.openapi.format("base64", FILES.map(lambda file: base64.b64encode(file).decode()))
