from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from train import report, sheets, sweep
from train.cases import Case
from train.cli import app
from train.evaluate import Edited, Evaluation, Found, Sample, Scorer, Verdict
from train.sampling import Pipeline, Settings
from train.scores import Score
from train.staging import Studio
from train.suites import BASE, ROWS, SPLITS, Size

SQUARE = Size(64, 64)
SPLIT = {split.name: split for split in SPLITS}


def same(one: Case, other: Case) -> bool:
    return np.array_equal(one.before, other.before) and np.array_equal(one.after, other.after)


@pytest.fixture(scope="module")
def found(smooth_studio: Studio, pipeline: Pipeline) -> Found:
    splits = (BASE, SPLIT["Chinese"])
    studios = {BASE.source: smooth_studio}
    asked = Evaluation(pipeline, Settings(), studios, splits, Sample(SQUARE, per_row=1))
    return report.collect(map(asked.judge, asked.parts()))


@pytest.fixture(scope="module")
def edits(found: Found) -> list[Edited]:
    return list(found.shown)


def test_every_row_of_every_split_is_judged(edits: list[Edited]) -> None:
    assert [(item.split, item.case.row) for item in edits] == [
        (split, row) for row in ROWS for split in ("base", "Chinese")
    ]
    for base, chinese in zip(edits[::2], edits[1::2], strict=True):
        assert same(base.case, chinese.case)
        assert base.text != chinese.text
        assert base.score.psnr_best == pytest.approx(chinese.score.psnr_best, nan_ok=True)


def test_scores_are_those_of_the_outputs(edits: list[Edited], pipeline: Pipeline) -> None:
    item = next(item for item in edits if item.case.row == "remove")
    outputs, found = Scorer(pipeline, [item.case]).run([item.text], Settings())
    assert np.allclose(outputs[0], item.output, atol=1e-4)
    assert found[0].psnr == pytest.approx(item.score.psnr, abs=1e-2)


def test_a_critic_adds_its_numbers(edits: list[Edited], pipeline: Pipeline) -> None:
    def critic(todo: Sequence[Case]) -> Verdict:
        return lambda outputs: [{"direction": float(out.mean())} for out in outputs]

    item = edits[0]
    outputs, found = Scorer(pipeline, [item.case], [critic]).run([item.text], Settings())
    assert found[0].direction == pytest.approx(float(outputs[0].mean()))
    assert found[0].psnr == pytest.approx(item.score.psnr, abs=1e-2)


def test_the_report_has_every_row_and_no_number_that_json_lacks(
    found: Found, tmp_path: Path
) -> None:
    table = report.write_report(tmp_path / "new", found, Settings(), Sample(SQUARE, 1))
    listing = (tmp_path / "new" / "scores.json").read_text()
    loaded = json.loads(listing, parse_constant=lambda text: pytest.fail(text))
    assert loaded["edits"] == 2 * len(ROWS)
    assert loaded["splits"]["base"]["keep"]["halves"] is None
    markdown = report.markdown(table)
    for row in ROWS:
        assert f"\n| {row.replace('_', ' ')} |" in markdown
        assert set(loaded["splits"]["Chinese"]) == set(table["Chinese"])
    assert (tmp_path / "new" / "sheet.jpg").stat().st_size > 0
    assert (tmp_path / "new" / "table.md").read_text("utf-8") == markdown


def test_sections_are_means_of_their_rows() -> None:
    found = Found(
        {("base", "night"): [Score(psnr=10.0)] * 3, ("base", "fog"): [Score(psnr=20.0)]}, []
    )
    table = report.tabulate(found)["base"]
    assert table["whole picture"].psnr == table["all edits"].psnr == 15
    assert "counting" not in table


def test_the_page_needs_no_other_file_and_escapes_instructions(edits: list[Edited]) -> None:
    page = sheets.page([replace(edits[0], text="<script>alert(1)</script>")])
    assert "<script>" not in page
    assert "http" not in page
    assert page.count('src="data:image/jpeg;base64,') == 3


# The sweep


def outcome(settings: Settings, right: float, strength: float) -> sweep.Outcome:
    return sweep.Outcome(settings, right, psnr=20.0, keep=30.0, strength=strength)


def test_a_dearer_setting_has_to_be_worth_it() -> None:
    def measure(settings: Settings) -> sweep.Outcome:
        right = 0.5 + 0.005 * (settings.steps > 1) + 0.1 * (settings.text_guidance == 1.5)
        return outcome(settings, right, settings.text_guidance - settings.image_guidance)

    asked: list[Settings] = []

    def measure_all(wanted: Sequence[Settings]) -> list[sweep.Outcome]:
        asked.extend(wanted)
        return [measure(settings) for settings in wanted]

    found = sweep.sweep(measure_all, Settings())
    assert len(asked) == len(set(asked))
    assert found.best == Settings(text_guidance=1.5)
    assert found.stronger_with_text
    assert found.nearer_with_image
    assert len({item.settings for item in found.outcomes}) == len(found.outcomes)
    assert json.loads(sweep.to_json(found))["best"]["text_guidance"] == 1.5


def test_broken_promises_of_guidance_are_reported() -> None:
    found = sweep.sweep(lambda wanted: [outcome(one, 0.5, 1.0) for one in wanted], Settings())
    assert not found.stronger_with_text
    assert not found.nearer_with_image
    assert "False" in sweep.summary(found)


def test_calibration_measures_the_pipeline(
    smooth_studio: Studio, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ("night", "recolour", "keep")
    monkeypatch.setattr(sweep, "rows_of", lambda *arguments: rows)
    calibration = sweep.Calibration(pipeline, smooth_studio, Sample(SQUARE, 1))
    weak = calibration.measure(Settings())
    assert 0 <= weak.right <= 1
    assert weak.strength > 0
    assert calibration.measure(Settings()) == weak
    assert calibration.measure(Settings(text_guidance=3.0)).strength != weak.strength


# The commands


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "maxi"], "suite 'maxi' is unknown"),
        (["--size", "100"], "size '100' is not possible"),
        (["--size", "1024"], "max_size"),
        (["--recipe", "none.toml"], "cannot read recipe"),
    ],
)
def test_bad_arguments_are_told_at_once(tmp_path: Path, arguments: list[str], message: str) -> None:
    Settings().save(tmp_path)
    command = ["evaluate", str(tmp_path), "--out", str(tmp_path / "out"), *arguments]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_without_defaults_is_refused_with_a_remedy(tmp_path: Path) -> None:
    command = ["evaluate", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert "retouch train sweep" in result.output
