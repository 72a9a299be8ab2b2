"""English: its words, and how a plain sentence is joined, spelt and typed."""

from __future__ import annotations

from typing import Final

import numpy as np

from train.instructions.english_wordings import WORDINGS
from train.instructions.grammar import Grammar, Slots, as_others, pick

# The slots that every template may have.
_WORDS: Final[Slots] = {
    "s": (
        "it", "it", "it", "this", "the picture", "the photo", "the image", "this photo",
        "this picture", "this image", "the whole image", "everything", "my photo",
    ),
    "apply": ("apply", "use", "add", "put on"),
    "raise": ("increase", "raise", "boost", "turn up"),
    "lower": ("decrease", "reduce", "lower", "turn down"),
    "add": ("add", "add", "put in", "insert", "draw", "place", "put", "include", "paint in"),
    "remove": (
        "remove", "remove", "delete", "erase", "get rid of", "take away", "take out", "cut out",
        "wipe out",
    ),
    "replace": ("replace", "swap", "substitute", "exchange"),
    "turn": ("turn", "change", "transform", "convert", "make"),
    "paint": ("paint", "colour", "recolour", "dye", "make", "turn", "repaint"),
    "enlarge": ("enlarge", "grow", "scale up", "blow up", "magnify", "size up"),
    "shrink": ("shrink", "scale down", "reduce", "size down"),
    "move": ("move", "move", "shift", "slide", "push", "drag"),
    "blur": ("blur", "blur out", "defocus", "soften"),
    "hat": ("a hat", "a hat", "a hat", "a top hat"),
    "glasses": (
        "sunglasses", "sunglasses", "a pair of sunglasses", "dark glasses", "shades",
    ),
}  # fmt: skip

_NAMED_PICTURE: Final = (
    "the picture", "the photo", "the image", "the whole picture", "the whole image", "everything",
)  # fmt: skip

_NOUNS: Final[dict[str, tuple[str, ...]]] = {
    "cat": ("cat", "cat", "kitty", "kitten"),
    "dog": ("dog", "dog", "puppy", "doggy"),
    "horse": ("horse", "horse", "pony"),
    "pig": ("pig", "pig", "piglet"),
    "rabbit": ("rabbit", "rabbit", "bunny"),
    "elephant": ("elephant",),
    "bird": ("bird", "bird", "birdie"),
    "duck": ("duck", "duck", "duckling"),
    "fish": ("fish",),
    "turtle": ("turtle", "turtle", "tortoise"),
    "butterfly": ("butterfly",),
    "bear": ("bear", "bear", "teddy bear", "teddy"),
    "penguin": ("penguin",),
    "car": ("car", "car", "car", "automobile"),
    "bus": ("bus", "bus", "coach"),
    "bicycle": ("bicycle", "bike"),
    "airplane": ("airplane", "plane", "aeroplane", "aircraft"),
    "boat": ("boat", "boat", "ship", "sailboat"),
    "train": ("train", "train", "locomotive"),
    "rocket": ("rocket", "rocket", "spaceship", "space rocket"),
    "apple": ("apple",),
    "banana": ("banana",),
    "pizza": ("pizza", "pizza", "slice of pizza"),
    "cake": ("cake", "cake", "birthday cake"),
    "strawberry": ("strawberry",),
    "carrot": ("carrot",),
    "pumpkin": ("pumpkin", "pumpkin", "jack-o'-lantern"),
    "ball": ("ball", "ball", "football", "soccer ball"),
    "balloon": ("balloon", "balloon", "party balloon"),
    "umbrella": ("umbrella", "umbrella", "parasol"),
    "guitar": ("guitar",),
    "clock": ("clock", "clock", "alarm clock"),
    "gift": ("gift", "present", "gift box"),
    "sunflower": ("sunflower",),
    "palm tree": ("palm tree", "palm tree", "palm"),
    "house": ("house", "house", "cottage"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
}
_PLURALS: Final = {"fish": "fish", "aircraft": "aircraft", "slice of pizza": "slices of pizza"}

_COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "turquoise": ("turquoise", "teal", "cyan"),
    "blue": ("blue",),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink",),
}

_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "top left": ("in the top left corner", "in the upper left corner", "at the top left",
                 "in the top left", "on the upper left", "top left"),
    "top": ("at the top", "at the top", "in the upper part", "on top", "in the top middle"),
    "top right": ("in the top right corner", "in the upper right corner", "at the top right",
                  "in the top right", "on the upper right", "top right"),
    "left": ("on the left", "on the left", "on the left side", "to the left", "at the left"),
    "centre": ("in the middle", "in the centre", "at the centre", "in the very middle"),
    "right": ("on the right", "on the right", "on the right side", "to the right", "at the right"),
    "bottom left": ("in the bottom left corner", "in the lower left corner", "at the bottom left",
                    "in the bottom left", "on the lower left", "bottom left"),
    "bottom": ("at the bottom", "at the bottom", "in the lower part", "in the bottom middle"),
    "bottom right": ("in the bottom right corner", "in the lower right corner", "bottom right",
                     "in the bottom right", "on the lower right", "at the bottom right"),
}  # fmt: skip


def _indefinite(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _plural(noun: str) -> str:
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "ch", "sh")) else "s")


def _noun_slots(noun: str) -> Slots:
    the = f"the {noun}"
    return {
        "n": (noun,),
        "ns": (_plural(noun),),
        "a": (_indefinite(noun),),
        "the": (the, the, the, the, the, f"this {noun}", f"that {noun}", noun),
    }


_NOUN_SLOTS: Final = {noun: tuple(map(_noun_slots, forms)) for noun, forms in _NOUNS.items()}

# What goes around a sentence; only a command, which starts with a verb, takes the first ones.
AROUND_COMMANDS: Final = (
    ("can you ", ""), ("can you ", "?"), ("could you ", ""), ("could you ", "?"),
    ("could you please ", ""), ("can you please ", "?"), ("i want you to ", ""),
    ("would you ", "?"), ("i'd like you to ", ""), ("let's ", ""), ("please just ", ""),
)  # fmt: skip
AROUND: Final = (
    ("please ", ""), ("please ", ""), ("please ", ""), ("please, ", ""), ("now ", ""),
    ("just ", ""), ("hey, ", ""), ("ok, ", ""), ("", " please"), ("", ", please"),
    ("", " for me"), ("", ", thanks"), ("", " now"), ("", " thank you"),
)  # fmt: skip
_VERBS: Final = frozenset((
    "add", "age", "apply", "bathe", "blur", "boost", "brighten", "bring", "build", "cartoonify",
    "cartoonise", "change", "clear", "clone", "colour", "convert", "copy", "cover", "cut", "darken",
    "decrease", "defocus", "delete", "desaturate", "dim", "double", "drag", "draw", "drop",
    "duplicate", "dye", "edit", "enlarge", "erase", "exchange", "fade", "fill", "flip", "get",
    "give", "grow", "halve", "have", "hide", "include", "increase", "insert", "invert", "keep",
    "leave", "let", "lift", "lighten", "lose", "lower", "magnify", "make", "move", "mute",
    "overexpose", "paint", "paste", "pixelate", "pixelise", "place", "posterise", "pull", "push",
    "put", "raise", "recolour", "redo", "redraw", "reduce", "remove", "repaint", "repeat",
    "replace", "resize", "return", "reverse", "saturate", "scale", "scratch", "set", "shift",
    "shine", "shrink", "size", "sketch", "slide", "smooth", "soften", "substitute", "swap",
    "switch", "take", "tint", "tone", "trade", "transform", "triple", "turn", "underexpose", "use",
    "wipe",
))  # fmt: skip

_JOINED: Final = (
    "{} and {}", "{} and {}", "{} and {}", "{}, then {}", "{} and then {}", "{}, and {}",
    "{}, {}", "{} and also {}", "{}. also, {}", "{}; {}", "{} plus {}", "{}. {}",
)  # fmt: skip
_JOINED_COMMANDS: Final = (
    "first {}, then {}", "first {} and then {}", "first {}, after that {}", "{}, next {}",
    "first, {}. second, {}", "{} and after that {}", "to start with, {}. then {}",
)  # fmt: skip

_AMERICAN: Final = (
    ("colour", "color"), ("grey", "gray"), ("centre", "center"), ("aeroplane", "airplane"),
    ("posterise", "posterize"), ("cartoonise", "cartoonize"), ("pixelise", "pixelize"),
)  # fmt: skip


def _is_command(text: str) -> bool:
    return text.split(" ", 1)[0] in _VERBS


def join(first: str, second: str, rng: np.random.Generator) -> str:
    """One sentence for two."""
    ordered = _is_command(first) and _is_command(second) and rng.random() < 0.25
    return pick(_JOINED_COMMANDS if ordered else _JOINED, rng).format(first, second)


def dress(text: str, rng: np.random.Generator) -> str:
    """Politeness, spelling, mistakes, case and the full stop."""
    if rng.random() < 0.3:
        command = _is_command(text) and rng.random() < 0.4
        before, after = pick(AROUND_COMMANDS if command else AROUND, rng)
        text = before + text + after
    if rng.random() < 0.45:
        for british, american in _AMERICAN:
            text = text.replace(british, american)
    if rng.random() < 0.07:
        text = _typo(text, rng)
    return _typed(text, rng)


def _typo(text: str, rng: np.random.Generator) -> str:
    """Two neighbouring letters swapped, or one left out or doubled, in a word of four or more:
    a shorter one may become another word."""
    words = text.split(" ")
    long = [number for number, word in enumerate(words) if len(word) > 3]
    if not long:
        return text
    number = pick(long, rng)
    word = words[number]
    at = int(rng.random() * (len(word) - 1))
    pair = word[at : at + 2]
    changed = pick((pair[::-1], pair[:1], pair[:1] + pair), rng)
    words[number] = word[:at] + changed + word[at + 2 :]
    return " ".join(words)


def _typed(text: str, rng: np.random.Generator) -> str:
    style, mark = rng.random(), rng.random()
    if style < 0.35:
        text = text[:1].upper() + text[1:]
    elif style < 0.38:
        text = text.upper()
    if text.endswith("?"):
        return text
    return text + ("." if mark < 0.15 else "!" if mark < 0.19 else "")


ENGLISH: Final = Grammar(
    wordings=WORDINGS,
    words=_WORDS,
    nouns=_NOUN_SLOTS,
    others=as_others(_NOUN_SLOTS),
    colours={
        colour: tuple({"c": (word,), "a_c": (_indefinite(word),)} for word in words)
        for colour, words in _COLOURS.items()
    },
    places={place: {"at": phrases} for place, phrases in _PLACES.items()},
    named_picture=_NAMED_PICTURE,
    join=join,
    dress=dress,
)
