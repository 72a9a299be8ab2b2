"""What an evaluation found, in numbers: Markdown tables and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from train.evaluate import Edited, Found, Sample
from train.sampling import Settings
from train.scores import NUMBERS, UNCHANGED, UNHARMED, Score, mean
from train.sheets import contact_sheet, page
from train.suites import BASE, NO_OPS, SECTIONS

_COLUMNS: Final = (
    ("success", "success", "{:.0%}"),
    ("closer", "closer", "{:.0%}"),
    ("halves", "halves", "{:.0%}"),
    ("unharmed", "unharmed", "{:.0%}"),
    ("psnr", "PSNR", "{:.1f}"),
    ("psnr_nothing", "doing nothing", "{:.1f}"),
    ("psnr_best", "best", "{:.1f}"),
    ("ssim", "SSIM", "{:.2f}"),
    ("ssim_nothing", "doing nothing", "{:.2f}"),
    ("rest", "rest", "{:.1f}"),
    ("rest_best", "best", "{:.1f}"),
    ("direction", "CLIP", "{:.2f}"),
    ("direction_best", "target's", "{:.2f}"),
)
_FOUND: Final = (
    ("found", "output"),
    ("found_best", "true target"),
    ("found_nothing", "input"),
)
_RANDOM: Final = (("tone", "tone"), ("grain", "grain"))
_HOW: Final = (
    "PSNR (dB) and SSIM are against the true target, in the region that the edit changes; *rest* "
    "is the PSNR outside it. *Doing nothing* is the input and *best* the target as the autoencoder "
    "shows them. *Closer*: the output is nearer to the target than to the input. *Halves*: it has "
    "less than half the squared error of doing nothing. *Unharmed*: outside the region it has at "
    f"least {UNHARMED:.0f} dB. These three are as the autoencoder shows target and input. "
    f"*Success*: closer and unharmed; where nothing is to change, at least {UNCHANGED:.0f} dB to "
    "the input. *CLIP*: directional similarity by a small CLIP."
)

Table = Mapping[str, Mapping[str, Score]]
"""Mean scores by split and row."""


def collect(parts: Iterable[Found]) -> Found:
    """All of an evaluation."""
    scores: dict[tuple[str, str], Sequence[Score]] = {}
    shown: list[Edited] = []
    for part in parts:
        scores.update(part.scores)
        shown.extend(part.shown)
    return Found(scores, shown)


def tabulate(found: Found) -> Table:
    """Means of rows, and of sections and "all edits" (every row counts the same)."""
    splits = dict.fromkeys(split for split, _ in found.scores)
    table: dict[str, dict[str, Score]] = {}
    for split in splits:
        rows = {
            row: mean(found.scores[split, row])
            for section in SECTIONS.values()
            for row in section
            if (split, row) in found.scores
        }
        groups = {
            name: [rows[row] for row in section if row in rows] for name, section in _groups()
        }
        table[split] = {**rows, **{name: mean(group) for name, group in groups.items() if group}}
    return table


def _groups() -> list[tuple[str, tuple[str, ...]]]:
    edits = tuple(row for section in SECTIONS.values() for row in section if row not in NO_OPS)
    return [*SECTIONS.items(), ("all edits", edits)]


def markdown(table: Table) -> str:
    """Every row of the base; then what the other splits make of it; then whether objects are
    there."""
    base = table.get(BASE.name) or next(iter(table.values()))
    parts = [_HOW, _grid(_base_lines(base)), _grid(_split_lines(table))]
    if any(not math.isnan(score.found) for score in base.values()):
        parts.append(_grid(_presence_lines(table)))
    if any(not math.isnan(score.tone) for score in base.values()):
        parts.append(_grid(_random_lines(base)))
    return "\n\n".join(parts) + "\n"


def _base_lines(rows: Mapping[str, Score]) -> list[list[str]]:
    lines = [["edit", *(title for _, title, _ in _COLUMNS)]]
    for name, score in rows.items():
        numbers = [_cell(getattr(score, field), form) for field, _, form in _COLUMNS]
        lines.append([_title(name), *numbers])
    return lines


def _split_lines(table: Table) -> list[list[str]]:
    """Success and halves of every row in every split."""
    lines = [["success / halves", *table]]
    for name in dict.fromkeys(name for rows in table.values() for name in rows):
        found = [rows.get(name, Score()) for rows in table.values()]
        cells = [f"{_cell(s.success, '{:.0%}')} / {_cell(s.halves, '{:.0%}')}" for s in found]
        lines.append([_title(name), *cells])
    return lines


def _presence_lines(table: Table) -> list[list[str]]:
    lines = [["object is (not) there", "split", *(title for _, title in _FOUND)]]
    for split, rows in table.items():
        for name, score in rows.items():
            if not math.isnan(score.found) and name not in SECTIONS and name != "all edits":
                cells = [_cell(getattr(score, field), "{:.0%}") for field, _ in _FOUND]
                lines.append([_title(name), split, *cells])
    return lines


def _random_lines(rows: Mapping[str, Score]) -> list[list[str]]:
    lines = [["error of statistics / doing nothing", *(title for _, title in _RANDOM)]]
    for name, score in rows.items():
        if not math.isnan(score.tone) and name not in SECTIONS and name != "all edits":
            cells = [_cell(getattr(score, field), "{:.2f}") for field, _ in _RANDOM]
            lines.append([_title(name), *cells])
    return lines


def _title(name: str) -> str:
    named = name.replace("_", " ")
    return f"**{named}**" if name in SECTIONS or name == "all edits" else named


def _cell(value: float, form: str) -> str:
    return "–" if math.isnan(value) else form.format(value)


def _grid(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = ("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(lines[0]), *rest])


def to_json(table: Table, found: Found, settings: Settings, sample: Sample) -> dict[str, Any]:
    """The numbers with what they were measured at; a number that makes no sense is null."""
    return {
        "settings": asdict(settings),
        "size": str(sample.size),
        "cases_per_row": sample.per_row,
        "seed": sample.seed,
        "bounds_db": {"rest": UNHARMED, "unchanged": UNCHANGED},
        "edits": sum(len(scores) for scores in found.scores.values()),
        "splits": {
            split: {name: _numbers(score) for name, score in rows.items()}
            for split, rows in table.items()
        },
    }


def _numbers(score: Score) -> dict[str, float | None]:
    values = {name: getattr(score, name) for name in NUMBERS}
    return {name: None if math.isnan(v) else round(v, 4) for name, v in values.items()}


def write_report(folder: Path, found: Found, settings: Settings, sample: Sample) -> Table:
    """Writes table.md, scores.json, sheet.html and sheet.jpg; returns what it tabulated."""
    table = tabulate(found)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(markdown(table), "utf-8")
    listing = json.dumps(to_json(table, found, settings, sample), indent=1)
    (folder / "scores.json").write_text(listing + "\n", "utf-8")
    (folder / "sheet.html").write_text(page(found.shown), "utf-8")
    first = [item for item in found.shown if item.split == found.shown[0].split]
    contact_sheet(first).save(folder / "sheet.jpg", quality=88)
    return table
