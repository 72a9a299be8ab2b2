"""How well Chinese instructions are translated.

python -m benchmarks.translation [SET ...] [--translator DIR] [--wrong]

A set is a file of benchmarks/data: tab-separated Chinese, kind, nouns in order and details. The
English is judged by program: its kind by the patterns below, its nouns and details (colours,
places, numbers) by whether the words named are in it, nouns in their order. Words between "|" are
equally right. Prints a table to stderr and a JSON line for each set.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from runtime.chinese.lexicon import Unknown
from runtime.translation import open_translator

DATA: Final = Path(__file__).resolve().parent / "data"
_COLOURS: Final = (
    "red|orange|yellow|green|turquoise|blue|purple|pink|white|black|grey|gray|brown|golden|gold|"
    "silver|blonde|blond|beige|light \\w+|dark \\w+|rainbow-coloured|colourful|colorful"
)
_MAKE: Final = r"(?:make|turn|change|let|paint|transform|convert|have|render|give)\b.*?"
_ADD: Final = r"(?:add|put|place|draw|give|insert|hang|plant|let|have|make|dress)\b.*?"

# The first pattern that a clause matches from its start is its kind.
KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("keep", r"(?:do not|don't|keep|leave|no changes?)\b"),
    ("background_blur", r"(?:blur|defocus|soften)\b.*background|make the background (?:blur|out of)"),
    ("background_colour", rf"(?:make|turn|change|paint|set)\b.*background(?: colou?r)?(?: to| into)?(?: an?)?(?: pure| solid| plain)? (?:{_COLOURS})$"),
    ("background", r"(?:change|replace|set|turn|make)\b.*background|(?:put|place) .* in front of"),
    ("black_and_white", _MAKE + r"(?:black and white|black-and-white|grey ?scale|monochrome)|remove the colou?rs?"),
    ("invert", r"invert"),
    ("sepia", _MAKE + r"sepia"),
    ("vintage", _MAKE + r"(?:vintage|retro)"),
    ("old_film", _MAKE + r"old (?:film|movie)"),
    ("more_contrast", r"(?:increase|raise|boost|more).*contrast|make the contrast (?:higher|stronger)"),
    ("less_contrast", r"(?:reduce|decrease|lower|less).*contrast|make the contrast (?:lower|weaker)"),
    ("less_colour", r"(?:reduce|decrease|lower).*(?:saturation)|make it paler|make the colou?rs? (?:less|paler|softer|duller)"),
    ("more_colour", r"(?:increase|raise|boost).*(?:saturation)|make the colou?rs? (?:more|brighter|stronger)|make it more (?:vivid|colou?rful)"),
    ("brighter", r"(?:make|turn) (?:it|the (?:picture|photo|image)) (?:a (?:bit|little) )?(?:brighter|lighter)|brighten|increase.*brightness"),
    ("darker", r"(?:make|turn) (?:it|the (?:picture|photo|image)) (?:a (?:bit|little) )?darker|darken|(?:reduce|lower|decrease).*(?:brightness|exposure)"),
    ("sunset", _MAKE + r"(?:it|picture|photo) (?:sunset|dusk)|" + _MAKE + r"\bsunset$"),
    ("time", _MAKE + r"(?:day|daytime|early morning|morning|sunrise|noon|midday)(?: light)?$"),
    ("night", _MAKE + r"night$"),
    ("warmer", r"(?:make|turn)\b.*warmer"),
    ("cold", r"(?:make|turn)\b.*(?:colder|cooler)"),
    ("fog", _MAKE + r"(?:foggy|misty)|add (?:some |a layer of |thin )?(?:fog|mist)"),
    ("season", _MAKE + r"(?:spring|summer|autumn|fall|winter)$"),
    ("weather", _MAKE + r"(?:sunny|cloudy|stormy|clear)$"),
    ("snow", _MAKE + r"(?:snow|snowy)$|add (?:some )?snow\b"),
    ("rain", _MAKE + r"(?:rain|rainy)$|add (?:some )?rain$"),
    ("vignette", r"add a vignette"),
    ("tint", rf"(?:give|add)\b.* (?:{_COLOURS}) (?:tint|tone|hue|filter)"),
    ("sketch", _MAKE + r"(?:sketch|pencil drawing|line drawing)"),
    ("ink", _MAKE + r"ink (?:wash )?painting|" + _MAKE + r"chinese painting"),
    ("oil", _MAKE + r"oil painting"),
    ("watercolour", _MAKE + r"watercolou?r"),
    ("cartoon", _MAKE + r"cartoon"),
    ("pixel_art", _MAKE + r"pixel"),
    ("van_gogh", _MAKE + r"van gogh"),
    ("woodblock", _MAKE + r"(?:woodblock|ukiyo)"),
    ("expressionist", _MAKE + r"expressionist"),
    ("style", _MAKE + r"(?:style|cyberpunk|steampunk|anime|3d|comic|realistic|minimalist|render|gothic|mosaic|paper cut|pop art|impressionist painting|abstract painting)"),
    ("colourise", r"colou?ri[sz]e"),
    ("flip", r"(?:flip|mirror)"),
    ("rotate", r"rotate"),
    ("sharper", r"(?:make|turn)\b.*(?:sharper|clearer)|sharpen"),
    ("blur", r"(?:make|turn) (?:it|the (?:picture|photo|image)) (?:blurry|blurrier|out of focus)|blur it"),
    ("duplicate", r"(?:duplicate|copy|clone)"),
    ("triple", r"(?:turn|change|make)\b.*\bthree\b"),
    ("bigger", r"(?:make|let)\b.*(?:bigger|larger)|enlarge"),
    ("smaller", r"(?:make|let)\b.*smaller|shrink"),
    ("move_left", r"move\b.*\bleft"),
    ("move_right", r"move\b.*\bright"),
    ("move_up", r"move\b.*\bup"),
    ("move_down", r"move\b.*\bdown"),
    ("move", r"move\b"),
    ("remove", r"(?:remove|delete|erase|get rid of|take away|clear|wipe)\b"),
    ("replace", r"(?:replace|swap|turn|change)\b.*\b(?:with|into|to|for)\b"),
    ("material", r"(?:make|turn)\b.*(?:out of|made of|wooden|glass$|metal$)"),
    ("recolour", rf"(?:make|turn|change|paint|dye|colou?r)\b.*? (?:{_COLOURS})$"),
    ("sunglasses", _ADD + r"sunglasses"),
    ("hat", _ADD + r"\bhats?\b"),
    ("wear", _ADD + r"\b(?:wear\b|suit|sweater|scarf|necklace|bow|wedding dress|mask|crown|cape|tie|glasses|shirt|dress|coat|skirt|uniform|kimono|hanfu|boots|shoes|earrings|gloves|helmet|armour|jacket|qipao|headphones|jeans|cap|neckerchief|wreath|garland|ribbon|belt|lipstick)\b"),
    ("expression", r"(?:make|let)\b.*(?:smile|smiling|laugh|happy|sad|angry|cry|surprised|eyes|mouth)"),
    ("action", r"(?:make|let)\b.*(?:fly|run|jump|sit down|stand up|sleep|dance|look at|hold|hug|sing|clap|turn around|glow|burn|wave|bloom)"),
    ("age", r"(?:make|let)\b.*(?:younger|older|old|young)$"),
    ("look", r"(?:make|let|turn)\b.*look like"),
    ("quality", r"(?:make|let)\b.* (?:taller|lower|longer|shorter|fatter|slimmer|cleaner|thicker|cuter|more \w+|transparent|bald|fluffy|paler|softer|whiter|wider|shiny|bluer|redder|greener|lower|newer|smoother)$"),
    ("add", r"(?:add|put|place|draw|insert|hang|plant|let there be)\b"),
)  # fmt: skip


class Item(NamedTuple):
    """One instruction and what its English is about."""

    chinese: str
    kind: str
    nouns: str
    details: str


class Score(NamedTuple):
    """What is right about one translation; `english` is None when it was refused."""

    kind: bool
    nouns: bool
    details: bool
    english: str | None


def read(path: Path) -> list[Item]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]
    return [Item(*(line.split("\t") + [""] * 3)[:4]) for line in lines]


def kinds_of(english: str) -> list[str]:
    """The kind of each clause of an instruction."""
    verbs = "replace|remove|add|make|turn|move|change|blur|give|put|increase|reduce|keep|paint|flip|duplicate|invert|delete|rotate|sharpen"
    text = english.lower().strip(" .!")
    parts = re.split(
        rf"(?:,|;|\.)?\s*(?:and then|, then|then|and|,|;|\.)\s+(?=(?:{verbs})\b)", text
    )
    return [next((kind for kind, p in KINDS if re.match(p, part)), "?") for part in parts]


def score(item: Item, english: str | None) -> Score:
    if english is None:
        return Score(False, False, False, None)
    wanted = [part.split("|") for part in item.kind.split("+")]
    kinds = kinds_of(english)
    kind = len(kinds) == len(wanted) and all(
        one in accepted for one, accepted in zip(kinds, wanted, strict=True)
    )
    return Score(kind, _in_order(item.nouns, english), _present(item.details, english), english)


def _word(alternatives: str) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, alternatives.split('|')))})(?:s|es|'s)?\b"


def _in_order(nouns: str, english: str) -> bool:
    pattern = ".*?".join(map(_word, filter(None, nouns.split(";"))))
    return re.search(pattern, english, re.IGNORECASE) is not None


def _present(details: str, english: str) -> bool:
    return all(re.search(_word(d), english, re.I) for d in details.split(";") if d)


def run(items: Sequence[Item], translate: Callable[[str], str]) -> tuple[list[Score], float]:
    """Scores, and the seconds that all translations took."""
    scores, seconds = [], 0.0
    for item in items:
        start = time.perf_counter()
        try:
            english: str | None = translate(item.chinese)
        except Unknown:
            english = None
        seconds += time.perf_counter() - start
        scores.append(score(item, english))
    return scores, seconds


def main(
    sets: Annotated[list[str] | None, typer.Argument(help="names of files in data/")] = None,
    translator: Annotated[Path | None, typer.Option(help="CTranslate2 model directory")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="list what is not right")] = False,
) -> None:
    """Judge the translation of each set."""
    engine = open_translator(translator)
    engine.instruction("把猫换成狗")  # the dictionary is read on first use
    for name in sets or ["chinese", "chinese_held_out"]:
        items = read(DATA / f"{name}.tsv")
        scores, seconds = run(items, engine.instruction)
        line = {"set": name, "engine": engine.name, "instructions": len(items)}
        line |= {
            "kind": sum(s.kind for s in scores),
            "nouns": sum(s.nouns for s in scores),
            "details": sum(s.details for s in scores),
            "all": sum(s.kind and s.nouns and s.details for s in scores),
            "refused": sum(s.english is None for s in scores),
            "ms_each": round(1000 * seconds / len(items), 2),
        }
        print(json.dumps(line))
        for key in ("kind", "nouns", "details", "all", "refused"):
            print(f"{name:20} {key:8} {line[key]:4} of {len(items)}", file=sys.stderr)
        for item, found in zip(items, scores, strict=True):
            if wrong and not (found.kind and found.nouns and found.details):
                print(f"  {item.chinese} [{item.kind}] -> {found.english}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
