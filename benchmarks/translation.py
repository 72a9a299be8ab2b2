"""How well Chinese instructions are translated.

python -m benchmarks.translation [SET ...] [--translator DIR] [--wrong]

A set is a file of benchmarks/data: tab-separated Chinese, kind, nouns in order and details. The
English is judged by program: its kind by the patterns of data/kinds.tsv, its nouns and details
(colours, places, numbers) by whether the words named are in it, nouns in their order. Words between
"|" are equally right. Prints a table to stderr and a JSON line for each set.
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
_VERBS: Final = (
    "replace|remove|add|make|turn|move|change|blur|give|put|increase|reduce|keep|paint|flip|"
    "duplicate|invert|delete|rotate|sharpen"
)
_AND: Final = re.compile(rf"[,;.]?\s*(?:and then|then|and|[,;.])\s+(?=(?:{_VERBS})\b)")


def _kinds() -> dict[str, re.Pattern[str]]:
    """`data/kinds.tsv`."""
    lines = [line.split("\t") for line in _lines(DATA / "kinds.tsv")]
    parts = {name: pattern for name, pattern in lines if name.startswith("<")}
    found = {}
    for name, pattern in lines:
        for part, meaning in parts.items():
            pattern = pattern.replace(part, meaning)
        found[name] = re.compile(pattern)
    return {name: pattern for name, pattern in found.items() if name not in parts}


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]


KINDS: Final = _kinds()


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
    return [Item(*(line.split("\t") + [""] * 3)[:4]) for line in _lines(path)]


def kinds_of(english: str) -> list[str]:
    """The kind of each clause of an instruction; "?" is none that is known."""
    parts = _AND.split(english.lower().strip(" .!"))
    return [next((kind for kind, p in KINDS.items() if p.match(part)), "?") for part in parts]


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
