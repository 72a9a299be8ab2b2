"""docs/http.md says what the code does."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from runtime.params import EditParams
from runtime.scheduler import Limits
from service.errors import (
    CONTENT_REFUSED,
    FOREIGN_PAGE,
    KINDS,
    MALFORMED,
    MODEL_NOT_FOUND,
    NOT_ACCEPTABLE,
    NOT_ALLOWED,
    NOT_TAKEN,
    RATE_LIMITED,
    SLOW_UPLOAD,
    TIMEOUT,
    TOO_LARGE,
    UNAUTHORIZED,
)
from service.jobs.errors import ALL
from service.openai.face import VOCABULARY
from service.settings import SOURCE_ROOT, Settings
from service.sheets.grid import AXES
from service.stream.face import MOST_STEPS
from service.stream.response import _SILENCE
from service.weights.errors import ALL as WEIGHTS_ERRORS

PAGE = (SOURCE_ROOT / "docs" / "http.md").read_text()


def row(start: str) -> str:
    found = [line for line in PAGE.splitlines() if line.startswith("|") and start in line]
    assert found, f"no line of a table has {start}"
    return found[0]


@pytest.mark.parametrize("spec", dataclasses.fields(EditParams), ids=lambda spec: spec.name)
def test_every_field_is_listed_with_its_bounds(spec: dataclasses.Field[object]) -> None:
    line = row(f"| `{spec.name}` |")
    if bounds := spec.metadata.get("bounds"):
        assert f"| {bounds.low:.0f} to {bounds.high:.0f}" in line
    else:
        assert isinstance(spec.default, str)
        assert all(f"`{choice}`" in line for choice in type(spec.default))  # type: ignore[attr-defined]


class Recorded(dict[str, str]):
    """An empty environment that keeps what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def test_every_variable_is_listed() -> None:
    environment = Recorded()
    Settings.from_env(environment)
    assert len(environment.names) > 20
    for name in environment.names - {"HOME", "XDG_STATE_HOME"}:
        assert row(f"`{name}`")


def test_defaults_are_those_that_hold() -> None:
    """Setting every variable to the number that the page gives as its default changes nothing."""
    told: dict[str, str] = {}
    for line in PAGE.splitlines():
        if line.startswith("| `RETOUCH_"):
            names, defaults = line.split("|")[1:3]
            numbers = re.fullmatch(r" [\d., ]+", defaults) and defaults.strip().split(", ")
            if numbers:
                told |= zip(re.findall(r"`(\w+)`", names), numbers, strict=True)
    assert told.keys() >= {f"RETOUCH_{spec.name.upper()}" for spec in dataclasses.fields(Limits)}
    assert Settings.from_env(told) == Settings.from_env({})


def test_every_error_code_is_listed_with_its_status() -> None:
    own = (
        *ALL,
        *(MALFORMED, MODEL_NOT_FOUND, NOT_ACCEPTABLE, NOT_TAKEN, SLOW_UPLOAD, TIMEOUT, TOO_LARGE),
        *(UNAUTHORIZED, FOREIGN_PAGE, NOT_ALLOWED, RATE_LIMITED, CONTENT_REFUSED),
        *WEIGHTS_ERRORS,
    )
    for kind in (*KINDS.values(), *own):
        if kind.status != 499:  # nobody sees it
            assert any(
                line.startswith(f"| {kind.status} | ") and f"`{kind.code}`" in line
                for line in PAGE.splitlines()
            ), kind


def test_the_stream_is_listed_with_its_field_and_events() -> None:
    assert f"| 0 to {MOST_STEPS} |" in row("| `preview_every` |")
    assert all(row(f"| `{name}` | ") for name in ("queued", "progress", "result", "error"))
    assert f"After {_SILENCE:.0f} seconds" in PAGE


@pytest.mark.parametrize("name", ["image", *VOCABULARY.types, *VOCABULARY.refused])
def test_every_field_of_openais_api_is_listed_or_refused(name: str) -> None:
    section = PAGE.partition("## `POST /v1/images/edits`")[2].partition("## Errors")[0]
    assert f"`{name}`" in section


@pytest.mark.parametrize("name", AXES)
def test_every_field_that_may_vary_in_a_sweep_is_named(name: str) -> None:
    section = PAGE.partition("## `POST /sweep`")[2].partition("## `POST /poster`")[0]
    assert f"`{name}`" in section
