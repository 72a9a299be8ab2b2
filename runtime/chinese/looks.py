"""Looks, styles, colours and qualities, as what a picture or a thing is to become."""

from __future__ import annotations

import re
from typing import Final

from runtime.chinese.effects import COMPARATIVES, LOOKS, STATES, TIMES
from runtime.chinese.grammar import ADD, BECOME, BIT, MORE, SUBJECT
from runtime.chinese.lexicon import words
from runtime.chinese.nouns import definite, indefinite
from runtime.chinese.words import ADJECTIVES, COLOURS

_WRAP_BEFORE: Final = re.compile(
    rf"^(?:现在是|现在|此时|整体|偏|弄出|来点|来|要|呈现|{BECOME}|像是|像|好像|如同|{ADD}|用|以"
    r"|一张|一幅|一个|一种|一层|一点儿?|一些|一副|一款|点|些|个|张|幅|种|层|套用|使用|应用|是|在"
    r"|的|有)"
)
_WRAP_AFTER: Final = re.compile(
    r"(?:那种|那样|样|风格的画|风格|绘画|画风|的风|风|效果图|效果|滤镜|特效|的样子|样子|模样"
    r"|的感觉|感觉|感|的氛围|氛围|场景|版本|版|色调|"
    r"的时候|时候|的作品|作品|的画|一样|似的|那样|的味道|味道|质感|的气息|气息|之后|以后|的光线"
    r"|光线|的照片|照片|图片|图|的景色|景色|的天气|天气|里拍的|拍的|的|了|天|季节|下|中|里|画面"
    r"|一点|一些|渲染|时分)$"
)
_STYLE: Final = re.compile(
    r"(?P<y>.+?)(?:的)?(?:风格的画|风格|画风|风|艺术风格|的作品|的画作|的画|画作|作品)(?:的)?"
    r"(?:样子)?"
)
LIKE: Final = re.compile(r"(?P<y>.+?)(?:的样子|样子|模样|一样|似的|那样|的感觉|效果)")


def look(text: str, x: str = "it") -> str | None:
    """The look that `text` names, whatever stands around its name: 变成一幅水墨画的样子."""
    while text:
        if text in LOOKS:
            return LOOKS[text].format(x=x)
        if (found := _medium(text, x)) is not None:
            return found
        shorter = _WRAP_AFTER.sub("", text)
        if shorter == text:
            shorter = _WRAP_BEFORE.sub("", text)
        if shorter == text:
            return None
        text = shorter
    return None


def _medium(text: str, x: str) -> str | None:
    """莫奈油画: a medium with an artist or a quality before it."""
    for end in range(1, len(text) - 1):
        before, medium = text[:end].removesuffix("的"), LOOKS.get(text[end:], "")
        if not medium.startswith("turn {x} into"):
            continue
        turned = medium.format(x=x)
        if (artist := LOOKS.get(before, "")) and " in the style of " in artist:
            return f"{turned} in the style of {artist.rpartition(' of ')[2]}"
        if before in ADJECTIVES or before in COLOURS:
            return re.sub(
                r" into (an? )?", f" into a {ADJECTIVES.get(before) or COLOURS[before]} ", turned
            )
    return None


def style(text: str, x: str = "it") -> str | None:
    """埃及壁画风格: a style that no table names."""
    if (known := look(text.removesuffix("风"), x)) is not None:
        return known
    found = _STYLE.fullmatch(text)
    if not found:
        return None
    name = re.sub(r"^(?:一幅|一张|一种|一个)", "", found["y"])
    if (known := look(name, x)) is not None:
        return known
    cut = words(name.replace("的", ""))
    english = " ".join(word.english.lstrip("~+").split("/")[0] for word in cut)
    if cut[-1].kind == "adjective" or cut[-1].kind == "name" and english.islower():
        return f"make {x} {english} style"
    return f"make {x} in the style of {english}"


def target_of(x: str) -> str:
    """What an edit is about: "it" for the picture, else the thing."""
    x = re.sub(r"(?:的)?(?:颜色|色彩|样子|造型)$", "", x.strip()) or "它"
    if re.fullmatch(rf"{SUBJECT}(?:里|中)?", x) or x in TIMES or re.sub("的$", "", x) in LOOKS:
        return "it"
    return definite(x)


_SHADES: Final = {
    "浅": "light", "淡": "light", "深": "dark", "暗": "dark", "亮": "bright", "鲜": "bright",
    "正": "", "哑光": "matte", "荧光": "neon", "嫩": "light", "酒": "wine", "宝石": "sapphire",
}  # fmt: skip
_SHADE: Final = re.compile(rf"(?P<s>{'|'.join(_SHADES)})(?P<c>.{{1,3}}?)(?:的)?")


def colour_of(text: str) -> str | None:
    if (shade := _SHADE.fullmatch(text)) and shade["c"] in COLOURS:
        return f"{_SHADES[shade['s']]} {COLOURS[shade['c']]}".strip()
    return COLOURS.get(re.sub(r"(?:纯|全)?(.+?)(?:的|了)?", r"\1", text)) or COLOURS.get(
        re.sub(r"^(?:纯|全|大|一种|一个)|(?:的|了|颜色)$", "", text)
    )


def tint_of(text: str) -> str | None:
    found = re.fullmatch(
        r"(?:一层|一点|层|点|一个|个)?(?P<c>.+?)(?:的)?(?:色调|滤镜|调|光|光线|色彩)", text
    )
    colour = found and (colour_of(found["c"]) or colour_of(f"{found['c']}色"))
    return f"give it a {colour} tint" if colour else None


def background_of(text: str) -> str | None:
    """蓝色背景, 森林背景: a new background."""
    found = re.fullmatch(r"(?:一个|个|一张)?(?P<y>.*?)(?:的|做|作|当|为)?背景", text)
    if not found or not found["y"]:
        return None
    if colour := colour_of(found["y"]):
        return f"make the background {colour}"
    return f"change the background to {indefinite(found['y'])}"


def quality_of(text: str, target: str) -> str | None:
    """更亮一点, 金属的, 开心: how x is to be."""
    plain = re.sub(rf"^{MORE}|{BIT}$|(?:的|了)$", "", text)
    plain = re.sub(rf"{BIT}$", "", plain) if plain not in COMPARATIVES else plain
    if plain in COMPARATIVES:
        return f"make {target} {COMPARATIVES[plain]}"
    if plain in STATES:
        return f"make {target} {STATES[plain]}"
    return None


METALS: Final = ("金", "纯金", "黄金", "纯银", "银子", "玻璃", "石头", "木头", "金属", "水晶")
