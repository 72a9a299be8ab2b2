"""Chinese instructions for models that read English: told apart, translated, reported back.

Text without a Chinese character goes to the model as it is. So do Japanese and Korean, which share
these characters and are told by kana and hangul, for no engine here reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from runtime.chinese.lexicon import Unknown
from runtime.chinese.marian import Marian
from runtime.errors import InvalidRequest
from runtime.params import EditParams

CHINESE: Final = "zh"
# The first that has one of its characters in a text is the text's language.
_SCRIPTS: Final = {
    "ja": re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]"),
    "ko": re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"),
    CHINESE: re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"),
}
_REMEMBERED: Final = 512  # texts


@dataclass(frozen=True, slots=True)
class Translation:
    """What the text encoder is given in the place of a caller's words, and which engine made it."""

    instruction: str
    negative_instruction: str
    engine: str


class Translator(Protocol):
    """Chinese to English; called from several threads.

    `instruction` takes a sentence, `listing` what to keep away from. They raise `Unknown` with what
    they cannot translate.
    """

    @property
    def name(self) -> str: ...

    def instruction(self, text: str) -> str: ...

    def listing(self, text: str) -> str: ...


class Rules:
    """The translator that is always there: edit phrases, and nouns of CC-CEDICT.

    It refuses what its rules do not understand. They and the dictionary are loaded on first use.
    """

    name = "rules"

    def instruction(self, text: str) -> str:
        from runtime.chinese.offline import instruction

        return instruction(text)

    def listing(self, text: str) -> str:
        from runtime.chinese.offline import listing

        return listing(text)


class MachineTranslation:
    """A CTranslate2 model, such as OPUS-MT zh-en."""

    name = "ctranslate2"

    def __init__(self, path: Path) -> None:
        """Raises `BackendUnavailable` or `BackendFailure`."""
        self._model = Marian(path)

    def instruction(self, text: str) -> str:
        return self._model.translate(text)

    def listing(self, text: str) -> str:
        return self._model.translate(text)


def open_translator(path: Path | None) -> Translator:
    """The model in the directory `path`, or without one the rules. Raises `BackendError`."""
    return Rules() if path is None else MachineTranslation(path)


def language_of(text: str) -> str | None:
    """ISO 639-1 of Chinese, Japanese or Korean; None for everything else."""
    return next((name for name, script in _SCRIPTS.items() if script.search(text)), None)


def reads_english_alone(languages: Sequence[str]) -> bool:
    """Whether a model of these languages needs Chinese translated."""
    return "en" in languages and CHINESE not in languages


class Interpreter:
    """Translates the words of edits, and remembers what it translated last."""

    def __init__(self, translator: Translator) -> None:
        self._engine = translator.name
        self._instruction = lru_cache(_REMEMBERED)(_told("instruction", translator.instruction))
        self._negative = lru_cache(_REMEMBERED)(_told("negative_instruction", translator.listing))

    def translate(self, params: EditParams) -> Translation | None:
        """What to give to the text encoder, or None when it is given the words as they are.

        Raises `InvalidRequest` for Chinese that cannot be translated.
        """
        words = (params.instruction, params.negative_instruction)
        if CHINESE not in map(language_of, words):
            return None
        asked, negative = words
        return Translation(self._instruction(asked), self._negative(negative), self._engine)


def _told(field: str, translate: Callable[[str], str]) -> Callable[[str], str]:
    """Translates Chinese alone, and refuses with a message about the field."""

    def translated(text: str) -> str:
        if language_of(text) != CHINESE:
            return text
        try:
            return translate(text)
        except Unknown as exc:
            raise InvalidRequest(
                f"{field} {text!r:.80} cannot be translated: {exc.part!r:.60} is not understood; "
                "say it in other words, or in English"
            ) from exc

    return translated
