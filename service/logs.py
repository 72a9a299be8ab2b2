"""How log lines look: readable, or one JSON object each."""

from __future__ import annotations

import logging
from typing import Final

from pythonjsonlogger.json import JsonFormatter

FORMATS: Final = ("text", "json")


def write_lines_as(kind: str) -> None:
    """Of `FORMATS`. Text is as BentoML set it up; every line that comes after this is JSON."""
    if kind == "text":
        return
    names = {"levelname": "level", "name": "logger"}
    formatter = JsonFormatter([*names, "message"], rename_fields=names, timestamp="time")
    for logger in (logging.getLogger(), logging.getLogger("bentoml")):
        for handler in logger.handlers:
            handler.setFormatter(formatter)
            handler.filters.clear()  # BentoML's, which writes a request id of its own over ours
