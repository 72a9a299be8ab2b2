"""Draws the panels of Grafana's dashboard from a Prometheus that has data, as a PNG.

python -m benchmarks.dashboard OUT.png [--prometheus http://127.0.0.1:9090] [--minutes 5]

This is not Grafana: titles, queries, units, legends and places are the dashboard's, the charts are
drawn here. It needs a Chromium.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import httpx2
import typer
from playwright.sync_api import sync_playwright

BOARD: Final = Path(__file__).parent.parent / "deploy/grafana/dashboards/retouch.json"
STEP_S: Final = 5  # between scrapes, as in deploy/prometheus
VARIABLES: Final = {"$instance": ".*", "$__rate_interval": f"{4 * STEP_S}s"}  # as Grafana has them
COLUMN, ROW, GAP = 50, 26, 8  # pixels of Grafana's grid, 24 columns wide
COLOURS: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff")
STYLE: Final = """
body { margin: 0; background: #111217; color: #ccccdc; font: 11px sans-serif }
section { position: absolute; background: #181b1f; border: 1px solid #2c3235; overflow: hidden }
h2 { font-size: 13px; margin: 7px 10px 0 } footer { margin: -2px 10px } i { font-size: 16px }
footer span { margin-right: 10px; white-space: nowrap } text { fill: #9fa7b3; font-size: 10px }
"""

Points = dict[float, float]


def main(out: Path, prometheus: str = "http://127.0.0.1:9090", minutes: float = 5.0) -> None:
    """Exits with an error when a query fails, or no query has data."""
    board, end = json.loads(BOARD.read_text()), time.time() // STEP_S * STEP_S
    span = (end - 60 * minutes, end)
    panels = [(panel, list(_series(panel, prometheus, span))) for panel in board["panels"]]
    if not any(lines for _, lines in panels):
        raise SystemExit(f"{prometheus} has no data of the last {minutes:g} minutes")
    body = "".join(_panel(panel, lines, span) for panel, lines in panels)
    places = [panel["gridPos"] for panel, _ in panels]
    height = ROW * max(place["y"] + place["h"] for place in places)
    _shoot(f"<style>{STYLE}</style>{body}", out, (24 * COLUMN, height))


def _series(
    panel: dict[str, Any], url: str, span: tuple[float, float]
) -> Iterator[tuple[str, Points]]:
    """Name and points of every line of a panel, without those that are no numbers."""
    for target in panel["targets"]:
        query = target["expr"]
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        asked = {"query": query, "start": span[0], "end": span[1], "step": STEP_S}
        answer = httpx2.get(f"{url}/api/v1/query_range", params=asked).raise_for_status().json()
        for found in answer["data"]["result"]:
            name = target["legendFormat"]
            for label, value in found["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            points = {at: float(value) for at, value in found["values"]}
            if points := {at: value for at, value in points.items() if math.isfinite(value)}:
                yield name, points


def _panel(
    panel: dict[str, Any], lines: Sequence[tuple[str, Points]], span: tuple[float, float]
) -> str:
    place, defaults = panel["gridPos"], panel["fieldConfig"]["defaults"]
    width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    if "stacking" in defaults["custom"]:
        lines = _stacked(lines)
    measure = 2**20 if defaults["unit"] == "bytes" else 1
    most = max((max(points.values()) for _, points in lines), default=1.0)
    top = measure * _round_up(most / measure)
    left, right, upper, lower = 60, width - 14, 10, height - 70

    def at(moment: float, value: float) -> tuple[float, float]:
        x = left + (moment - span[0]) / (span[1] - span[0]) * (right - left)
        return round(x, 1), round(lower - value / top * (lower - upper), 1)

    drawn, legend = "", ""
    for part in (0, 0.25, 0.5, 0.75, 1):
        y, label = at(span[0], top * part)[1], _told(top * part, defaults["unit"])
        drawn += f'<path d="M{left} {y}H{right}" stroke="#2c3235"/>'
        drawn += f'<text x="{left - 6}" y="{y + 3}" text-anchor="end">{label}</text>'
        moment = span[0] + part * (span[1] - span[0])
        clock = time.strftime("%H:%M:%S", time.gmtime(moment))
        x = at(moment, 0)[0]
        anchor = "end" if part == 1 else "middle"
        drawn += f'<text x="{x}" y="{lower + 15}" text-anchor="{anchor}">{clock}</text>'
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in points.items()))
        drawn += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        legend += f'<span><i style="color: {colour}">&#9644;</i> {escape(name)}</span>'
    box = f"left:{place['x'] * COLUMN + 4}px; top:{place['y'] * ROW + 4}px"
    return (
        f'<section style="{box}; width:{width}px; height:{height}px"><h2>{escape(panel["title"])}'
        f'</h2><svg width="{width}" height="{lower + 22}">{drawn}</svg>'
        f"<footer>{legend or 'no data'}</footer></section>"
    )


def _stacked(lines: Sequence[tuple[str, Points]]) -> list[tuple[str, Points]]:
    """Every line on top of those before it."""
    below: Points = {}
    stacked = []
    for name, points in lines:
        below = {at: value + below.get(at, 0.0) for at, value in points.items()}
        stacked.append((name, below))
    return stacked


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999)


def _told(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "percentunit":
        return f"{value:.0%}"
    return f"{value:.3g}" + {"s": " s", "ops": "/s", "reqps": " req/s"}.get(unit, "")


def _shoot(html: str, out: Path, size: tuple[int, int]) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, names)), None),
            args=["--no-sandbox"],
        )
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_content(html)
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    typer.run(main)
