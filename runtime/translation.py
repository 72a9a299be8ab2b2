"""Instructions in Chinese for models that read English: told apart, translated, reported.

Text in another language goes to the model as it is. Japanese and Korean, which share characters with
Chinese, are told apart by kana and hangul.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from runtime.chinese.lexicon import Unknown
from runtime.chinese.offline import instruction, listing
from runtime.errors import InvalidRequest
from runtime.params import EditParams

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_OTHERS: Final = (("ja", re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")),
                  ("ko", re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")))
_REMEMBERED: Final = 256  # translations

Translate = Callable[[str], str]


def is_chinese(text: str) -> bool:
    """Whether there is a Chinese character and neither kana nor hangul."""
    return bool(_HAN.search(text)) and not any(other.search(text) for _, other in _OTHERS)


class Engine(Protocol):
    @property
    def name(self) -> str: ...
    def instruction(self, text: str) -> str: ...
    def listing(self, text: str) -> str: ...


class Rules:
    name = "rules"

    def instruction(self, text: str) -> str:
        return _told(instruction, text)

    def listing(self, text: str) -> str:
        return _told(listing, text)


def _told(translate: Translate, text: str) -> str:
    try:
        return translate(text)
    except Unknown as exc:
        raise InvalidRequest(str(exc)) from exc


def open_translator(path: Path | None) -> Engine:
    return Rules()
