"""The version of Retouch, written here alone."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
