"""What people write to ask for an edit: a small English grammar with politeness, case and typos.

A *sentence* is the plain wording; ``write`` dresses it up. The sentences of ``HELD_OUT`` are never
produced for training, so that evaluation sees wordings the model has not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.edits import Edit

_SUBJECTS = (
    "it", "it", "this", "the picture", "the photo", "the image", "this photo",
    "this picture", "the whole image", "everything", "my photo", "this image",
)  # fmt: skip
_FORMS = (
    "make {s} {a}", "make {s} {a}", "turn {s} {a}", "make {s} look {a}", "{a}",
    "i want {s} {a}", "i want {s} to be {a}", "change {s} to {a}", "let {s} be {a}",
)  # fmt: skip
_BEFORE = ("please ", "can you ", "could you ", "could you please ", "now ", "just ", "hey, ")
_AFTER = (" please", ", please", " for me", ", thanks", " now")


@dataclass(frozen=True, slots=True)
class Wording:
    """How one kind of edit is asked for. ``looks`` fill "make it …"; ``sentences`` stand alone,
    with ``{s}`` for the picture; ``held_out`` is kept for evaluation. ``{c}`` is a colour."""

    looks: tuple[str, ...]
    sentences: tuple[str, ...]
    held_out: tuple[str, ...]


WORDINGS: dict[str, Wording] = {
    "keep": Wording(
        looks=("the same", "unchanged", "exactly the same"),
        sentences=(
            "keep {s} as it is", "do nothing", "leave {s} alone", "don't change anything",
            "no change", "change nothing", "leave {s} as it is", "keep {s} the same",
            "nothing to do", "do not edit {s}", "no edit", "return {s} unchanged", "copy {s}",
            "keep everything", "do not touch {s}", "no changes needed",
        ),
        held_out=("leave everything as it is, do nothing", "please don't change this picture"),
    ),
    "black_and_white": Wording(
        looks=("black and white", "black & white", "monochrome", "greyscale", "grayscale", "b&w",
               "grey", "gray", "colourless"),
        sentences=(
            "convert {s} to black and white", "remove the colour", "remove all colour from {s}",
            "take the colour out of {s}", "a black and white photo", "drop the colours",
            "black and white version", "desaturate {s} completely", "no colour",
            "convert {s} to greyscale", "like a black and white film",
        ),
        held_out=("give me a black and white version of it", "show it in black and white"),
    ),
    "sepia": Wording(
        looks=("sepia", "sepia toned", "sepia brown"),
        sentences=(
            "convert {s} to sepia", "add a sepia tone", "sepia tone", "apply sepia",
            "give {s} a sepia look", "a sepia photo", "sepia filter", "use a sepia filter",
            "in sepia tones", "brown old photograph tones",
        ),
        held_out=("apply a sepia filter to the picture", "show it in sepia"),
    ),
    "night": Wording(
        looks=("night", "night time", "at night", "into night", "like night", "nighttime",
               "midnight", "a night scene", "like it was taken at night"),
        sentences=(
            "it is night now", "change the time to night", "set the scene at night",
            "turn day into night", "as if at night", "let night fall", "in the moonlight",
            "make it a night photo", "give {s} moonlight", "what does {s} look like at night",
        ),
        held_out=("as if it was midnight", "change the day to night"),
    ),
    "sunset": Wording(
        looks=("warm", "warmer", "sunset", "like sunset", "a sunset", "golden hour", "at sunset",
               "like it was taken at sunset", "evening"),
        sentences=(
            "add sunset light", "give {s} a warm glow", "warm evening light", "sunset colours",
            "set the scene at sunset", "add warm light", "golden hour light", "warm up {s}",
            "it is sunset now", "bathe {s} in sunset light", "warm up the colours",
        ),
        held_out=("give it warm sunset light", "change the light to golden hour"),
    ),
    "cold": Wording(
        looks=("cold", "colder", "cool", "cooler", "wintry", "like winter", "icy", "winter",
               "like a cold winter day", "frosty"),
        sentences=(
            "add cold light", "give {s} a cold look", "winter light", "cool down the colours",
            "add winter light", "cool colours", "cold blue light", "make the light cold",
            "it is winter now", "cool {s} down", "give {s} a winter mood",
        ),
        held_out=("give it cold winter light", "change the light to icy"),
    ),
    "invert": Wording(
        looks=("inverted", "negative", "a negative", "a photo negative", "like a negative"),
        sentences=(
            "invert {s}", "invert the colours", "invert colours", "invert all the colours of {s}",
            "swap light and dark", "show the negative", "reverse the colours", "film negative",
            "flip the colours", "colour inversion", "invert",
        ),
        held_out=("show me the inverted colours", "turn this into a film negative"),
    ),
    "brighter": Wording(
        looks=("brighter", "lighter", "bright", "much brighter", "more bright"),
        sentences=(
            "brighten {s}", "increase the brightness", "add more light", "lighten {s}",
            "turn up the brightness", "more light", "raise the exposure", "brighten {s} up",
            "raise the brightness of {s}", "more brightness", "overexpose {s}",
        ),
        held_out=("increase the brightness of this photo", "lighten it up"),
    ),
    "darker": Wording(
        looks=("darker", "dark", "much darker", "dim", "dimmer", "less bright"),
        sentences=(
            "darken {s}", "decrease the brightness", "reduce the brightness", "less light",
            "turn down the brightness", "lower the exposure", "dim {s}", "dim the light",
            "lower the brightness of {s}", "less brightness", "underexpose {s}",
        ),
        held_out=("decrease the brightness of this photo", "dim the lights"),
    ),
    "more_contrast": Wording(
        looks=("high contrast", "more contrasty", "punchier", "more dramatic"),
        sentences=(
            "increase the contrast", "add contrast", "more contrast", "boost the contrast",
            "raise the contrast of {s}", "give {s} more contrast", "turn up the contrast",
            "stronger contrast", "higher contrast",
        ),
        held_out=("boost the contrast of this photo", "add more contrast to it"),
    ),
    "less_contrast": Wording(
        looks=("low contrast", "flat", "flatter", "less contrasty"),
        sentences=(
            "decrease the contrast", "reduce the contrast", "less contrast", "lower contrast",
            "lower the contrast of {s}", "give {s} less contrast", "turn down the contrast",
            "weaker contrast", "cut the contrast",
        ),
        held_out=("lower the contrast of this photo a bit", "reduce contrast in it"),
    ),
    "more_colour": Wording(
        looks=("colourful", "more colourful", "vivid", "more vivid", "saturated", "vibrant",
               "more vibrant", "more saturated"),
        sentences=(
            "increase the saturation", "boost the colours", "add more colour", "more colour",
            "more saturation", "stronger colours", "give {s} vivid colours", "intense colours",
            "turn up the colours", "saturate {s}", "vibrant colours",
        ),
        held_out=("boost the saturation of this photo", "give it stronger colours"),
    ),
    "less_colour": Wording(
        looks=("less colourful", "pale", "muted", "less saturated", "less vivid", "washed out"),
        sentences=(
            "decrease the saturation", "reduce the saturation", "less colour", "mute the colours",
            "less saturation", "weaker colours", "give {s} muted colours", "pale colours",
            "tone down the colours", "fade the colours", "desaturate {s} a little",
        ),
        held_out=("reduce the saturation of this photo", "give it weaker colours"),
    ),
    "fog": Wording(
        looks=("foggy", "misty", "hazy", "covered in fog", "full of fog", "like a foggy day"),
        sentences=(
            "add fog", "add mist", "add some fog", "cover {s} in fog", "put fog in {s}",
            "fill {s} with fog", "thick fog", "add haze", "a foggy day", "hide {s} in mist",
            "add a layer of fog", "let there be fog",
        ),
        held_out=("put some mist in the picture", "make it a foggy morning"),
    ),
    "blur": Wording(
        looks=("blurry", "blurred", "out of focus", "soft", "unsharp"),
        sentences=(
            "blur {s}", "add blur", "add a blur", "apply a blur", "gaussian blur", "soften {s}",
            "apply gaussian blur", "out of focus", "defocus {s}", "blur everything",
            "smooth {s}", "add some blur",
        ),
        held_out=("apply some blur to it", "put the picture out of focus"),
    ),
    "sketch": Wording(
        looks=("a sketch", "a pencil sketch", "a drawing", "a pencil drawing", "into a sketch",
               "into a pencil drawing", "like a pencil drawing", "like a sketch", "sketched"),
        sentences=(
            "draw {s} with a pencil", "pencil sketch", "as a pencil drawing", "sketch {s}",
            "convert {s} to a pencil sketch", "draw {s}", "line drawing", "as a sketch",
            "pencil drawing of {s}", "a drawing in pencil",
        ),
        held_out=("draw the picture in pencil", "show it as a pencil sketch"),
    ),
    "vignette": Wording(
        looks=("darker at the edges", "dark at the corners", "vignetted"),
        sentences=(
            "add a vignette", "vignette", "add vignette", "darken the corners", "darken the edges",
            "apply a vignette", "dark corners", "dark edges", "give {s} a vignette",
            "vignette effect", "add a vignette effect", "put a vignette on {s}",
        ),
        held_out=("apply a vignette effect to it", "make the corners darker"),
    ),
    "vintage": Wording(
        looks=("vintage", "retro", "old fashioned", "like an old photo", "look old", "old"),
        sentences=(
            "add a vintage look", "vintage filter", "give {s} a retro look", "old photo effect",
            "apply a vintage filter", "as an old photo", "retro style", "faded film look",
            "make it an old photo", "old film", "give {s} a vintage feel", "age {s}",
        ),
        held_out=("give it a vintage film look", "use a retro filter"),
    ),
    "tint": Wording(
        looks=("{c}", "all {c}", "tinted {c}", "{c} tinted", "{c} toned", "completely {c}"),
        sentences=(
            "tint {s} {c}", "add a {c} tint", "give {s} a {c} tint", "colour {s} {c}",
            "{c} tint", "{c} filter", "apply a {c} filter", "in {c} light", "add {c} light",
            "use a {c} filter", "paint {s} {c}", "give {s} a {c} tone", "{c} tones",
        ),
        held_out=("apply a {c} tint to the picture", "put a {c} filter on it"),
    ),
}  # fmt: skip


def sentences(edit: Edit) -> tuple[str, ...]:
    """Every plain training wording of an edit, lower case, with its odds by repetition."""
    wording = WORDINGS[edit.kind]
    looks = [form.replace("{a}", look) for form in _FORMS for look in wording.looks]
    plain = [*looks, *wording.sentences * max(1, len(looks) // len(wording.sentences))]
    filled = [text.replace("{s}", subject) for text in plain for subject in _SUBJECTS]
    colour = edit.colour or ""
    banned = set(held_out_sentences(edit))
    return tuple(
        text for text in (line.replace("{c}", colour) for line in filled) if text not in banned
    )


def held_out_sentences(edit: Edit) -> tuple[str, ...]:
    """The wordings kept for evaluation."""
    colour = edit.colour or ""
    return tuple(text.replace("{c}", colour) for text in WORDINGS[edit.kind].held_out)


_CACHE: dict[str, tuple[str, ...]] = {}


def write(edit: Edit, rng: np.random.Generator) -> str:
    """One way to ask for ``edit``, never a held-out one even once it is dressed up."""
    if edit.name not in _CACHE:
        _CACHE[edit.name] = sentences(edit)
    plain = _CACHE[edit.name]
    text = plain[int(rng.integers(len(plain)))]
    if rng.random() < 0.2:
        text = _BEFORE[int(rng.integers(len(_BEFORE)))] + text
    if rng.random() < 0.12:
        text = text + _AFTER[int(rng.integers(len(_AFTER)))]
    if rng.random() < 0.3:
        text = text.replace("colour", "color").replace("grey", "gray")
    if rng.random() < 0.08:
        text = _typo(text, rng)
    return _case(text, rng)


def _typo(text: str, rng: np.random.Generator) -> str:
    """Two neighbouring letters swapped, or one left out or doubled."""
    at = int(rng.integers(0, max(1, len(text) - 1)))
    pair = text[at : at + 2]
    changed = (pair[::-1], pair[:1], pair[:1] + pair)[int(rng.integers(3))]
    return text[:at] + changed + text[at + 2 :]


def _case(text: str, rng: np.random.Generator) -> str:
    style = rng.random()
    if style < 0.35:
        text = text.capitalize()
    elif style < 0.4:
        text = text.upper()
    mark = rng.random()
    return text + ("." if mark < 0.15 else "!" if mark < 0.2 else "")
