"""What a clause asks of the picture as a whole: its light, its colours, its sharpness."""

from __future__ import annotations

import re
from typing import Final

from runtime.chinese.effects import PROPERTIES, SENTENCES
from runtime.chinese.grammar import BA, BIT, SUBJECT
from runtime.chinese.words import PICTURE

_UP: Final = (
    "提高|增加|增强|加强|调高|加大|提升|拉高|增大|调亮"
    "|更强|调大|升高|高|强|强烈|更高|亮|明显|更多|多"
)
_DOWN: Final = (
    "降低|减少|减弱|调低|减小|拉低|降下来|调暗|更弱|调小|低|弱|更低|暗|少|不要那么强|柔和"
)
_SENTENCES: Final = tuple((re.compile(pattern), english) for pattern, english in SENTENCES)


def of_picture(clause: str) -> str | None:
    """The English of a clause about the whole picture, which it need not name; None for others."""
    rest = re.sub(rf"^{BA}{SUBJECT}(?:的|里|中|上)?", "", clause)
    inner = re.sub(rf"(?:{PICTURE}|它(?=的))(?:的|里的|中的|里|中)?", "", clause)
    soft = re.sub("稍微|略微|稍稍|明显|适当", "", inner)
    for text in dict.fromkeys((clause, rest, inner, re.sub(r"^(?:把|将|让|给)", "", soft))):
        plain = re.sub(rf"{BIT}(?:了)?$", "", text)
        for pattern, english in _SENTENCES:
            if pattern.fullmatch(text) or (plain and pattern.fullmatch(plain)):
                return english
        for one in (text, plain):
            if (found := _property(one)) is not None:
                return found
    return None


def _property(text: str) -> str | None:
    for names, (more, less) in PROPERTIES.items():
        name = f"(?:{'|'.join(names)})"
        for words_, english in ((_UP, more), (_DOWN, less)):
            if re.fullmatch(
                rf"{BA}(?:{words_})(?:一点|一些|点)?(?:的)?{name}|{BA}{name}(?:再|更|变|稍微)*"
                rf"(?:{words_})",
                text,
            ):
                return english
    return None
