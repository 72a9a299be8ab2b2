"""Media types of what comes in and goes out."""

from __future__ import annotations

from typing import Final

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"
PNG: Final = "image/png"
