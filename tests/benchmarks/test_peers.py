"""Comparisons with peers: both sides get the same work, and figures say who took how long."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer

from benchmarks import optimum
from benchmarks.peers import ours, work
from benchmarks.peers.side import Side
from benchmarks.peers.work import Done, Edit, Work
from runtime import open_editor
from tests.fake_bundle import write_fake_bundle

MIXED = Work(64, [Edit(1, 3, 7.5), Edit(2, 5, 5.0), Edit(3, 1, 9.0)])
EQUAL = Work(64, [Edit(seed, 3, 7.5) for seed in range(4)])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_bundle(tmp_path_factory.mktemp("peers") / "fake")


def test_we_take_two_rows_a_step_and_finish_short_edits_first(bundle: Path) -> None:
    with open_editor(bundle, backend="fake") as editor:
        done = ours.do(editor, MIXED)

    assert done.rows == 2 * (3 + 5 + 1)
    assert np.argsort(done.finished_s).tolist() == [2, 0, 1]
    assert min(done.finished_s) > 0
    assert done.cpu_s > 0


@pytest.mark.parametrize(("given", "calls"), [(EQUAL, [4]), (MIXED, [1, 1, 1])])
def test_optimum_takes_together_only_what_differs_in_the_seed(
    monkeypatch: pytest.MonkeyPatch, given: Work, calls: list[int]
) -> None:
    made: Any = ModuleType("optimum.onnxruntime")
    made.ORTStableDiffusionImg2ImgPipeline = None
    monkeypatch.setitem(sys.modules, "optimum.onnxruntime", made)
    monkeypatch.delitem(sys.modules, "benchmarks.peers.optimum_ort", raising=False)
    peer = importlib.import_module("benchmarks.peers.optimum_ort")
    pipeline = StubPipeline()

    done = peer.do(pipeline, given)

    assert pipeline.calls == calls
    assert done.rows == 2 * sum(edit.steps for edit in given.edits)
    assert done.finished_s == sorted(done.finished_s)
    assert len(done.finished_s) == len(given.edits)


class StubPipeline:
    """Calls the UNet as diffusers' pipelines do: both branches of every picture in one batch."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.unet = SimpleNamespace(forward=lambda sample, timestep: sample)

    def __call__(self, prompt: list[str], num_inference_steps: int, **options: Any) -> None:
        assert len(prompt) == len(options["image"]) == len(options["generator"])
        self.calls.append(len(prompt))
        for step in range(num_inference_steps):
            self.unet.forward([None] * 2 * len(prompt), step)


def test_the_whole_comparison(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our side against itself."""
    command = [sys.executable, "-m", "benchmarks.peers.ours", str(bundle), "--backend", "fake"]
    monkeypatch.setattr(optimum, "_versions", lambda python: {"optimum": "0"})
    monkeypatch.setattr(optimum, "_make", lambda *given: {"ours": command, "peer": command})

    optimum.main(Path("python"), size=64, repeat=1)

    start, *loads = map(json.loads, capsys.readouterr().out.splitlines())
    assert start["benchmark"] == "optimum.start"
    assert all(gib > 0 for gib in start["peak_gib"].values())
    assert {one["benchmark"]: one["rows"] for one in loads} == {
        "optimum.one": 8,
        "optimum.equal": 32,
        "optimum.mixed": 30,
    }
    assert all(one["last"]["ours_s"] >= one["first"]["ours_s"] > 0 for one in loads)
    assert all(one["processor"]["peer_s"] > 0 for one in loads)


def test_figures_are_medians_of_turns_and_ratios_in_our_favour() -> None:
    mine = [Done([1.0, 3.0], 1.0, 8), Done([1.0, 2.0], 1.0, 8), Done([1.0, 4.0], 1.0, 8)]
    theirs = [Done([2.0, 3.0], 1.0, 8), Done([2.0, 8.0], 1.0, 8), Done([2.0, 8.0], 1.0, 8)]

    found = optimum.compare(mine, theirs)

    assert found["rows"] == 8
    assert found["last"] == {
        "ours_s": 3.0,
        "ours_s_spread": [2.0, 4.0],
        "peer_s": 8.0,
        "peer_s_spread": [3.0, 8.0],
        "ratio": 2.0,
        "ratio_spread": [1.0, 4.0],
    }
    assert found["first"]["ratio"] == 2.0
    assert found["mean"]["ours_s"] == 2.0
    assert found["processor"]["ratio"] == 1.0


def test_other_work_is_no_comparison() -> None:
    with pytest.raises(ValueError, match=r"\[8, 9\] rows"):
        optimum.compare([Done([1.0], 1.0, 8)], [Done([1.0], 1.0, 9)])


def test_a_line_holds_the_work() -> None:
    assert work.loads(work.dumps(MIXED)) == MIXED


def test_a_side_that_ends_says_why() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no model')"]
    with Side(command) as side, pytest.raises(RuntimeError, match="no model"):
        side.do(EQUAL)


def test_an_interpreter_without_optimum_is_refused_with_the_remedy(tmp_path: Path) -> None:
    python = tmp_path / "python"
    with pytest.raises(typer.BadParameter, match="No such file"):
        optimum._versions(python)

    python.write_text("#!/bin/sh\necho \"No module named 'optimum'\" >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(typer.BadParameter, match=r"'optimum'(.|\n)*peers/optimum\.txt"):
        optimum._versions(python)
