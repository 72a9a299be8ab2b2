"""What a picture shows, in a sentence: the captions that CLIP learns from and the judge uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from train.changes import PLACES, Change
from train.instructions import Language
from train.instructions.chinese import CHINESE
from train.instructions.english import ENGLISH
from train.instructions.grammar import Grammar, Slots, pick
from train.scenes import Placed, Scene

Looks = Mapping[str, tuple[str, ...]]

_NAMED_PLACES_ODDS: Final = 0.5

_ENGLISH_LOOKS: Final[Looks] = {
    "black_and_white": ("in black and white", "a black and white photo"),
    "sepia": ("in sepia", "a sepia photo"),
    "night": ("at night", "a night scene"),
    "sunset": ("at sunset", "in warm evening light"),
    "cold": ("in cold light", "in cold colours"),
    "invert": ("as a negative", "in negative colours"),
    "brighter": ("bright", "in bright light"),
    "darker": ("dark", "with little light"),
    "more_contrast": ("with high contrast", "with strong contrast"),
    "less_contrast": ("with low contrast", "with weak contrast"),
    "more_colour": ("in vivid colours", "very colourful"),
    "less_colour": ("in pale colours", "with muted colours"),
    "fog": ("in fog", "on a foggy day"),
    "blur": ("blurred", "out of focus"),
    "sketch": ("a pencil sketch", "drawn in pencil"),
    "ink": ("an ink drawing", "drawn in ink"),
    "oil": ("an oil painting", "painted in oil"),
    "watercolour": ("a watercolour", "painted in watercolour"),
    "cartoon": ("a cartoon", "in cartoon style"),
    "pixel_art": ("pixel art", "in pixel art style"),
    "snow": ("in the snow", "while snow is falling"),
    "rain": ("in the rain", "on a rainy day"),
    "vignette": ("with dark corners", "with a vignette"),
    "vintage": ("a vintage photo", "in faded vintage colours"),
    "old_film": ("like an old film", "on old film"),
    "tint": ("tinted {c}", "in {c} light"),
    "van_gogh": ("in the style of van gogh", "a van gogh painting"),
    "woodblock": ("a woodblock print", "in woodblock print style"),
    "expressionist": ("an expressionist painting", "in expressionist style"),
}
_CHINESE_LOOKS: Final[Looks] = {
    "black_and_white": ("黑白照片", "黑白"),
    "sepia": ("棕褐色照片", "棕褐色调"),
    "night": ("夜晚", "在夜里"),
    "sunset": ("日落", "黄昏"),
    "cold": ("冷色调", "冷光"),
    "invert": ("负片", "反色"),
    "brighter": ("很亮", "明亮"),
    "darker": ("很暗", "光线暗"),
    "more_contrast": ("对比度高", "对比强"),
    "less_contrast": ("对比度低", "对比弱"),
    "more_colour": ("色彩鲜艳", "颜色鲜艳"),
    "less_colour": ("颜色淡", "色彩淡"),
    "fog": ("有雾", "雾天"),
    "blur": ("模糊", "画面模糊"),
    "sketch": ("铅笔素描", "素描"),
    "ink": ("水墨画", "水墨风格"),
    "oil": ("油画", "油画风格"),
    "watercolour": ("水彩画", "水彩风格"),
    "cartoon": ("卡通", "卡通风格"),
    "pixel_art": ("像素画", "像素风格"),
    "snow": ("下雪", "雪天"),
    "rain": ("下雨", "雨天"),
    "vignette": ("暗角", "四角变暗"),
    "vintage": ("复古照片", "复古风格"),
    "old_film": ("老电影", "老胶片"),
    "tint": ("{c}色调", "{c}的光"),
    "van_gogh": ("梵高风格", "梵高的画"),
    "woodblock": ("木版画", "木刻版画"),
    "expressionist": ("表现主义", "表现主义的画"),
}
_NUMBERS: Final = ("", "", "two", "three", "four", "five", "six")
_CHINESE_NUMBERS: Final = ("", "一", "两", "三", "四", "五", "六")
_CHINESE_WORN: Final = {"hat": "戴帽子的", "sunglasses": "戴墨镜的"}


@dataclass(frozen=True, slots=True)
class _Words:
    """One choice of words for everything that can be in a picture, so that two captions of the
    same choice differ where their scenes do and nowhere else."""

    nouns: Mapping[str, Slots]
    colours: Mapping[str, str]
    places: Mapping[str, str] | None
    looks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Group:
    """Objects that one phrase names: alike, and in the same place where places are named."""

    noun: str
    colour: str | None
    worn: tuple[str, ...]
    place: str | None


def _english_phrase(group: _Group, count: int, words: _Words) -> str:
    noun = words.nouns[group.noun]["ns" if count > 1 else "n"][0]
    named = f"{words.colours[group.colour]} {noun}" if group.colour else noun
    article = "an" if named[0] in "aeiou" else "a"
    parts = [_NUMBERS[count] or article, named]
    if group.worn:
        worn = [name if name.endswith("s") else f"a {name}" for name in group.worn]
        parts.append("with " + " and ".join(worn))
    if words.places and group.place:
        parts.append(words.places[group.place])
    return " ".join(parts)


def _chinese_phrase(group: _Group, count: int, words: _Words) -> str:
    noun = words.nouns[group.noun]
    place = words.places[group.place] if words.places and group.place else ""
    number = _CHINESE_NUMBERS[count] + noun["m"][0]
    worn = "".join(_CHINESE_WORN[name] for name in group.worn)
    colour = words.colours[group.colour] if group.colour else ""
    return place + number + worn + colour + noun["n"][0]


@dataclass(frozen=True, slots=True)
class _Style:
    """How a language says it: its tables, its phrase for a group, and what goes in between."""

    grammar: Grammar
    place_slot: str
    looks: Looks
    phrase: Callable[[_Group, int, _Words], str]
    commas: tuple[str, str, str]  # between objects, before the last one, before what else there is
    nothing: str
    background: str
    blurred: str


_STYLES: Final[Mapping[Language, _Style]] = {
    "en": _Style(
        grammar=ENGLISH,
        place_slot="at",
        looks=_ENGLISH_LOOKS,
        phrase=_english_phrase,
        commas=(", ", " and ", ", "),
        nothing="a photo",
        background="{} background",
        blurred="blurred background",
    ),
    "zh": _Style(
        grammar=CHINESE,
        place_slot="p",
        looks=_CHINESE_LOOKS,
        phrase=_chinese_phrase,
        commas=("、", "和", "，"),
        nothing="一张照片",
        background="{}背景",
        blurred="背景模糊",
    ),
}


def caption(
    scene: Scene, rng: np.random.Generator, language: Language, changes: Sequence[Change] = ()
) -> str:
    """What ``scene`` shows, and how it looks after those of ``changes`` that are about the whole
    picture; the others are in the scene.

    Generators in the same state choose the same words and both or neither name places, whatever
    the scenes: so the captions of a picture before and after an edit can be compared.
    """
    style = _STYLES[language]
    words = _choose(style, rng)
    comma, last, pause = style.commas
    phrases = [style.phrase(group, count, words) for group, count in _groups(scene, words)]
    parts = [last.join(filter(None, (comma.join(phrases[:-1]), *phrases[-1:]))) or style.nothing]
    if scene.background_colour is not None:
        parts.append(style.background.format(words.colours[scene.background_colour]))
    elif scene.background_blur:
        parts.append(style.blurred)
    for change in changes:
        if change.kind in words.looks:
            parts.append(words.looks[change.kind].format(c=words.colours.get(change.colour or "")))
    return pause.join(parts)


def phrases() -> Iterator[str]:
    """All that captions are put together from: what their vocabulary has to cover."""
    yield from (*_NUMBERS, *_CHINESE_NUMBERS, *_CHINESE_WORN.values())
    for style in _STYLES.values():
        grammar = style.grammar
        yield from (*style.commas, style.nothing, style.background, style.blurred)
        for looks in style.looks.values():
            yield from looks
        for forms in (*grammar.nouns.values(), *grammar.colours.values()):
            yield from (word for slots in forms for words in slots.values() for word in words)
        yield from (word for slots in grammar.places.values() for word in slots[style.place_slot])


def _choose(style: _Style, rng: np.random.Generator) -> _Words:
    grammar = style.grammar
    places = {name: pick(slots[style.place_slot], rng) for name, slots in grammar.places.items()}
    return _Words(
        {noun: pick(forms, rng) for noun, forms in grammar.nouns.items()},
        {colour: pick(forms, rng)["c"][0] for colour, forms in grammar.colours.items()},
        places if rng.random() < _NAMED_PLACES_ODDS else None,
        {kind: pick(phrases, rng) for kind, phrases in style.looks.items()},
    )


def _groups(scene: Scene, words: _Words) -> list[tuple[_Group, int]]:
    """What to name and how many of each, in the order of the scene; six stand for more."""
    counts = Counter(_group(item, words.places is not None) for item in scene.objects)
    return [(group, min(6, count)) for group, count in counts.items()]


def _group(item: Placed, placed: bool) -> _Group:
    worn = tuple(accessory.noun for accessory in item.worn)
    return _Group(item.cutout.noun, item.colour, worn, _place(item) if placed else None)


def _place(item: Placed) -> str:
    """The name of the nearest place."""
    return min(PLACES, key=lambda name: abs(complex(*PLACES[name]) - complex(item.x, item.y)))
