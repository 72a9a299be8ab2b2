"""Failures that only weights have."""

from __future__ import annotations

from typing import Final

from service.errors import Kind

OFF: Final = Kind(404, "weights_off")
REFUSED: Final = Kind(409, "weights_refused")

ALL: Final = (OFF, REFUSED)
