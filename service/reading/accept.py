"""Which of several media types an `Accept` header likes best (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from service.errors import NOT_ACCEPTABLE, HttpError

_QUALITY: Final = re.compile(r"[01](\.\d{0,3})?", re.ASCII)


def chosen(accept: str, offers: Sequence[str]) -> str:
    """As `preferred`. Raises `HttpError` 406 when none is accepted."""
    media_type = preferred(accept, offers)
    if media_type is None:
        told = f"{accept!r:.100} cannot be given; accept {' or '.join(offers)}"
        raise HttpError(NOT_ACCEPTABLE, told)
    return media_type


def preferred(accept: str, offers: Sequence[str]) -> str | None:
    """The offer of the highest quality, the first of equal ones; None when none is accepted.

    An empty header accepts everything. A part that cannot be understood accepts nothing.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return offers[0]
    best = max(offers, key=lambda offer: _quality(offer, ranges))
    return best if _quality(best, ranges) > 0 else None


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
    return media_range, float(quality) if _QUALITY.fullmatch(quality) else 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which the offer is in."""
    for pattern in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if found := [quality for media_range, quality in ranges if media_range == pattern]:
            return max(found)
    return 0.0
