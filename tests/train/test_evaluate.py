from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.tiny import write_tiny_checkpoint
from train import cases, finder, report, sampling, scores, sheets, sweep, whole
from train.cases import BASE, NO_OPS, ROWS, SPLITS, Case, Presence, Size, draw_case
from train.changes import NOUNS
from train.cli import app
from train.cutouts import Cutout
from train.evaluate import Edited, Sample, Scorer, evaluate
from train.objects import Props
from train.picture import Picture
from train.samples import is_held_out
from train.sampling import Pipeline, Settings
from train.scores import Score
from train.staging import Studio
from train.styles import Styles

SQUARE = Size(64, 64)
SPLIT = {split.name: split for split in SPLITS}


class Painter(Styles):
    """Stands in for the network of painted styles."""

    def apply(self, kind: str, picture: Picture) -> Picture:
        return np.ascontiguousarray(1 - picture[..., ::-1])


def photo(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (160, 128), interpolation=cv2.INTER_CUBIC)


def cutout(noun: str) -> Cutout:
    rng = np.random.default_rng(NOUNS.index(noun) if noun in NOUNS else 99)
    pixels = np.zeros((40, 48, 4), np.uint8)
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    cv2.ellipse(pixels, (24, 20), (22, 18), 0, 0, 360, (*colour, 255), -1)
    return Cutout(noun, "drawn", noun, pixels)


@pytest.fixture(scope="module")
def studio() -> Studio:
    drawn = {noun: cutout(noun) for noun in NOUNS}
    worn = {name: cutout(name) for name in ("hat", "sunglasses")}
    photos = [photo(number) for number in range(3)]
    choice = {noun: [item] for noun, item in drawn.items()}
    return Studio(photos, choice, Props(drawn, worn), Painter(None))


@pytest.fixture(scope="module")
def every(studio: Studio) -> list[Case]:
    return [draw_case(studio, row, 0, SQUARE, "seen", 11) for row in ROWS]


def soft(picture: Picture) -> Picture:
    """Stands in for the autoencoder."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.float32)


def refer(case: Case) -> scores.Reference:
    return scores.refer(case, soft(case.before), soft(case.after))


def same(one: Case, other: Case) -> bool:
    return np.array_equal(one.before, other.before) and np.array_equal(one.after, other.after)


# Cases


def test_a_case_is_a_pure_function_of_its_number(studio: Studio) -> None:
    def drawn(number: int, seed: int) -> Case:
        return draw_case(studio, "recolour", number, SQUARE, "seen", seed)

    assert same(drawn(3, 11), drawn(3, 11))
    assert not same(drawn(3, 11), drawn(4, 11))
    assert not same(drawn(3, 11), drawn(3, 23))


def test_rows_are_what_they_say(every: list[Case]) -> None:
    for case in every:
        kinds = [change.kind for change in case.changes]
        if case.row in ("add", cases.ADD_AT):
            assert kinds == ["add"]
            assert (case.changes[0].place is None) == (case.row == "add")
        elif case.row not in ("keep", "absent", "two"):
            assert kinds == [case.row]
        changed = np.abs(case.after - case.before).max() > 0.03
        assert changed == (case.row not in NO_OPS), case.row
        assert case.region.any() == changed


def test_unseen_combinations_are_those_that_training_never_makes(studio: Studio) -> None:
    source = SPLIT["unseen combinations"].source
    rows = cases.rows_of(source, SQUARE)
    assert "night" not in rows
    assert "background_blur" not in rows
    for row in ("add", "remove", "duplicate"):
        for number in range(3):
            unseen = draw_case(studio, row, number, SQUARE, source.combination, 11)
            seen = draw_case(studio, row, number, SQUARE, "seen", 11)
            assert is_held_out(unseen.changes[0])
            assert not is_held_out(seen.changes[0])


def test_splits_differ_in_their_words(every: list[Case]) -> None:
    for case in every:
        base, training, chinese = (case.words(split) for split in SPLITS[:3])
        assert base == case.words(BASE)
        assert base != training
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)


@pytest.mark.parametrize("size", [Size(80, 64), Size(64, 96)])
def test_the_target_of_a_wide_picture_is_the_edit_of_that_picture(
    studio: Studio, size: Size
) -> None:
    for row in ("vignette", "sunset", "van_gogh", "blur"):
        case = draw_case(studio, row, 1, size, "seen", 11)
        assert case.before.shape == (size.height, size.width, 3)
        target = whole.apply(case.changes[0], case.before, studio.styles)
        assert np.array_equal(case.after, target)


@pytest.mark.parametrize("size", [Size(80, 64), Size(64, 96)])
def test_a_wide_picture_shows_all_of_an_edited_object(studio: Studio, size: Size) -> None:
    rows = cases.rows_of(BASE.source, size)
    assert set(ROWS) - set(rows) == cases.SQUARE_ONLY
    for number in range(5):
        case = draw_case(studio, "remove", number, size, "seen", 11)
        assert case.region.shape == (size.height, size.width)
        assert case.presence is not None
        left, top, right, bottom = case.presence.box
        assert min(left, top) > -0.02
        assert max(right, bottom) < 1.02
        rows_, columns = np.nonzero(case.region)
        assert (columns.min() + 0.5) / size.width > left - 0.1
        assert (rows_.max() + 0.5) / size.height < bottom + 0.1


@pytest.mark.parametrize("text", ["", "big", "128x", "1x2x3", "120", "32", "-128", "128x100"])
def test_impossible_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        cases.parse_size(text)


def test_sizes_are_width_by_height_and_bounded() -> None:
    assert cases.parse_size("160x112") == Size(160, 112)
    assert cases.parse_size("256", largest=256) == Size(256, 256)
    with pytest.raises(ValueError, match="max_size: give 256 at most"):
        cases.parse_size("272", largest=256)


# Scores


def test_perfect_outputs_succeed_everywhere(every: list[Case]) -> None:
    for case in every:
        found = scores.score(case, refer(case), soft(case.after))
        if case.row in NO_OPS:
            assert math.isnan(found.closer)
            assert scores.score(case, refer(case), case.before).success == 1
            continue
        assert (found.closer, found.halves, found.success) == (1, 1, 1), case.row
        if case.row not in whole.RANDOM_TARGET:
            assert found.psnr == found.psnr_best
            assert found.ssim == found.ssim_best


def test_doing_nothing_is_never_right_where_something_is_asked(every: list[Case]) -> None:
    for case in every:
        found = scores.score(case, refer(case), soft(case.before))
        if case.row in NO_OPS:
            assert found.psnr == found.psnr_nothing == found.psnr_best
            continue
        assert (found.closer, found.halves, found.success) == (0, 0, 0), case.row
        if case.row not in whole.RANDOM_TARGET:
            assert found.psnr == found.psnr_nothing < found.psnr_best


def test_a_changed_picture_is_no_success_where_nothing_is_asked(every: list[Case]) -> None:
    for case in every:
        if case.row in NO_OPS:
            assert scores.score(case, refer(case), 0.8 * case.before).success == 0


def test_a_right_edit_that_harms_the_rest_is_no_success(every: list[Case]) -> None:
    case = next(case for case in every if case.row == "recolour")
    output = np.where(case.region[..., None], soft(case.after), 1 - case.before)
    found = scores.score(case, refer(case), output.astype(np.float32))
    assert (found.closer, found.halves, found.unharmed, found.success) == (1, 1, 0, 0)
    assert found.rest < scores.UNHARMED


@pytest.mark.parametrize(("share", "halves"), [(0.2, 0), (0.4, 1)])
def test_halving_asks_for_more_than_a_third_of_the_way(
    every: list[Case], share: float, halves: float
) -> None:
    """Of the way w the squared error (1 - w)^2 is left: half of it at w = 0.29."""
    case = next(case for case in every if case.row == "night")
    output = share * soft(case.after) + (1 - share) * soft(case.before)
    assert scores.score(case, refer(case), output).halves == halves


def test_other_flakes_are_as_good_and_no_flakes_are_not(studio: Studio) -> None:
    for row in ("snow", "rain", "old_film"):
        case = draw_case(studio, row, 2, SQUARE, "seen", 11)
        mirrored = whole.apply(case.changes[0], np.ascontiguousarray(case.before[:, ::-1]))
        other = scores.score(case, refer(case), soft(mirrored[:, ::-1]))
        smooth = cv2.GaussianBlur(case.after, (0, 0), 5)
        assert (other.closer, other.halves) == (1, 1)
        assert other.tone < 0.2
        assert scores.score(case, refer(case), smooth).halves == 0


@given(st.lists(st.floats(-1, 1) | st.just(math.nan), min_size=1, max_size=6))
def test_means_are_over_what_is_known(values: list[float]) -> None:
    found = scores.mean([Score(psnr=value, ssim=1.0) for value in values])
    known = [value for value in values if not math.isnan(value)]
    assert found.ssim == 1
    assert math.isnan(found.direction)
    if known:
        assert found.psnr == pytest.approx(sum(known) / len(known))
    else:
        assert math.isnan(found.psnr)


def test_similarity_is_one_for_a_picture_and_itself_and_falls_with_noise(
    every: list[Case],
) -> None:
    picture = every[0].before
    noise = np.random.default_rng(0).standard_normal(picture.shape, np.float32)
    assert np.allclose(scores.ssim(picture, picture), 1, atol=1e-4)
    little, much = (scores.ssim(picture, picture + s * noise).mean() for s in (0.02, 0.2))
    assert 1 > little > much


def test_similarity_of_even_pictures_is_that_of_their_means() -> None:
    dark, bright = (np.full((16, 16, 3), value, np.float32) for value in (0.2, 0.6))
    expected = (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4)
    assert np.allclose(scores.ssim(dark, bright), expected, atol=1e-3)


# Presence


class Named(finder.Finder):
    """Sees the noun whose number is ten times the red of a crop's middle."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        red = (crops[:, 0, 20:28, 20:28].mean(dim=(1, 2)) + 1) / 2
        return torch.nn.functional.one_hot((10 * red).round().long(), len(NOUNS) + 1).float()


def test_an_object_is_to_be_there_or_gone(every: list[Case]) -> None:
    def box(value: float) -> Picture:
        picture = np.zeros((64, 64, 3), np.float32)
        picture[16:32, 32:48] = value
        return picture

    place = (0.5, 0.25, 0.75, 0.5)
    there, gone = Presence(NOUNS[2], place, True), Presence(NOUNS[2], place, False)
    blank = replace(every[0], before=box(0), after=box(0.3))
    todo = [replace(blank, presence=presence) for presence in (there, gone, None)]
    verdict = finder.seeker(Named())(todo)
    shown, hidden = verdict([box(0.3)] * 3), verdict([box(0.7)] * 3)
    assert [n["found"] for n in shown[:2]] == [1, 0]
    assert [n["found"] for n in hidden[:2]] == [0, 1]
    assert [n["found_best"] for n in shown[:2]] == [1, 0]
    assert [n["found_nothing"] for n in shown[:2]] == [0, 1]
    assert math.isnan(shown[2]["found"])


def test_finder_learns_what_it_is_shown(studio: Studio) -> None:
    learned = finder.train_finder(studio, steps=40)
    made = [example for number in range(5000, 5010) for example in finder.examples(studio, number)]
    crops, labels = zip(*made, strict=True)
    assert 0 in labels
    said = learned(finder.to_tensor(crops)).argmax(dim=1).tolist()
    right = np.mean([a == b for a, b in zip(said, labels, strict=True)])
    assert right > 0.4


# The pipeline


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "checkpoint"
    return write_tiny_checkpoint(path, prediction_type="v_prediction", vae="tiny", zero_snr=True)


@pytest.fixture(scope="module")
def pipeline(checkpoint: Path) -> Pipeline:
    return sampling.load_pipeline(checkpoint)


def edited(pipeline: Pipeline, settings: Settings, count: int = 3) -> list[Picture]:
    pictures = [photo(n)[:64, :96].astype(np.float32) / 255 for n in range(count)]
    texts = ["make it night", "turn the sky red", "black and white"][:count]
    return sampling.edit(pipeline, pictures, texts, [5, 6, 7][:count], settings)


def test_outputs_are_those_of_the_stock_pipeline(checkpoint: Path, pipeline: Pipeline) -> None:
    stock = StableDiffusionInstructPix2PixPipeline.from_pretrained(checkpoint, safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    stock.register_modules(
        scheduler=sampling.SCHEDULERS["ddim"].from_config(stock.scheduler.config)
    )
    image = torch.from_numpy(photo(0)[:64, :96].astype(np.float32) / 255).permute(2, 0, 1)[None]
    for text, picture in ((1.0, 1.0), (2.0, 1.5)):
        expected = stock(
            "make it night", image=image, num_inference_steps=2, guidance_scale=text,
            image_guidance_scale=picture, generator=torch.Generator().manual_seed(5),
            output_type="np",
        ).images[0]  # fmt: skip
        found = edited(pipeline, Settings(text, picture, steps=2))
        assert np.allclose(found[0], expected, atol=1e-4)


def test_every_scale_is_followed(pipeline: Pipeline) -> None:
    """The stock pipeline would give one and the same picture for all of these."""
    outputs = [
        edited(pipeline, Settings(text, picture), 1)[0]
        for text, picture in ((1.0, 1.0), (1.0, 1.5), (0.5, 1.0), (2.0, 0.5))
    ]
    for i, one in enumerate(outputs):
        for other in outputs[i + 1 :]:
            assert not np.allclose(one, other, atol=1e-3)


def test_scales_of_almost_one_are_as_good_as_one(pipeline: Pipeline) -> None:
    plain, mixed = (edited(pipeline, Settings(1.0, scale), 1)[0] for scale in (1.0, 1 + 1e-6))
    assert np.allclose(plain, mixed, atol=1e-3)


def test_bfloat16_is_near_float32(checkpoint: Path, pipeline: Pipeline) -> None:
    quick = sampling.load_pipeline(checkpoint, bf16=True)
    for one, other in zip(edited(pipeline, Settings()), edited(quick, Settings()), strict=True):
        assert 0 < np.abs(one - other).max() < 0.1
        assert other.dtype == np.float32


def test_defaults_of_a_checkpoint_survive_a_round_trip(tmp_path: Path) -> None:
    settings = Settings(1.5, 1.2, 4, "euler", 192)
    settings.save(tmp_path)
    assert sampling.load_settings(tmp_path) == settings


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"steps": 1}'),
        json.dumps(asdict(Settings(steps=0))),
        json.dumps(asdict(Settings(sampler="lcm"))),
    ],
)
def test_unusable_defaults_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "edit_defaults.json").write_text(text)
    with pytest.raises(sampling.SettingsError, match=r"edit_defaults\.json"):
        sampling.load_settings(tmp_path)


# The whole of it


@pytest.fixture(scope="module")
def edits(studio: Studio, pipeline: Pipeline) -> list[Edited]:
    splits = (BASE, SPLIT["Chinese"])
    sample = Sample(SQUARE, per_row=1)
    return list(evaluate(pipeline, Settings(), {BASE.source: studio}, splits, sample))


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
    def critic(todo: Sequence[Case]) -> report.Any:
        return lambda outputs: [{"direction": float(out.mean())} for out in outputs]

    item = edits[0]
    outputs, found = Scorer(pipeline, [item.case], [critic]).run([item.text], Settings())
    assert found[0].direction == pytest.approx(float(outputs[0].mean()))
    assert found[0].psnr == pytest.approx(item.score.psnr, abs=1e-2)


def test_the_report_has_every_row_and_no_number_that_json_lacks(
    edits: list[Edited], tmp_path: Path
) -> None:
    found = report.collect(edits)
    table = report.write_report(tmp_path / "new", found, Settings(), Sample(SQUARE, 1))
    listing = (tmp_path / "new" / "scores.json").read_text()
    loaded = json.loads(listing, parse_constant=lambda text: pytest.fail(text))
    assert loaded["edits"] == len(edits)
    assert loaded["splits"]["base"]["keep"]["halves"] is None
    markdown = report.markdown(table)
    for row in ROWS:
        assert f"\n| {row.replace('_', ' ')} |" in markdown
        assert set(loaded["splits"]["Chinese"]) == set(table["Chinese"])
    assert (tmp_path / "new" / "sheet.jpg").stat().st_size > 0
    assert (tmp_path / "new" / "table.md").read_text("utf-8") == markdown


def test_sections_are_means_of_their_rows() -> None:
    found = report.Found(
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

    found = sweep.sweep(measure, Settings())
    assert found.best == Settings(text_guidance=1.5)
    assert found.stronger_with_text
    assert found.nearer_with_image
    assert len({item.settings for item in found.outcomes}) == len(found.outcomes)
    assert json.loads(sweep.to_json(found))["best"]["text_guidance"] == 1.5


def test_broken_promises_of_guidance_are_reported() -> None:
    found = sweep.sweep(lambda settings: outcome(settings, 0.5, 1.0), Settings())
    assert not found.stronger_with_text
    assert not found.nearer_with_image
    assert "False" in sweep.summary(found)


def test_calibration_measures_the_pipeline(
    every: list[Case], pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [[case] for case in every if case.row in ("night", "recolour", "keep")]
    monkeypatch.setattr(sweep, "drawn", lambda *arguments: ((todo, None) for todo in chosen))
    calibration = sweep.Calibration(pipeline, {}, Sample(SQUARE, 1))
    weak = calibration.measure(Settings())
    assert 0 <= weak.right <= 1
    assert weak.strength > 0
    assert calibration.measure(Settings()) is weak
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
