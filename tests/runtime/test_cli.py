"""The commands edit, inspect, doctor and bench, run as a user runs them, on the fake backend."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from runtime import Bundle
from runtime.backends import fake
from runtime.backends.fake import FakeBackend
from runtime.cli import bench, doctor, edit, inspect
from runtime.manifest import GRAPH_NAMES
from runtime.nvidia.options import GpuOptions
from tests.fake_bundle import write_fake_bundle
from tests.runtime.fake_tensorrt import write_engine_bundle

app = typer.Typer()
for command in (edit, inspect, doctor, bench):
    app.command()(command)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_bundle(tmp_path_factory.mktemp("cli") / "bundle")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate(("a.png", "b.jpg", "c.webp")):
        Image.new("RGB", (64, 40), (80 * index, 100, 200)).save(folder / name)
    return folder


def run_edit(bundle: Path, *arguments: object, stdin: bytes | None = None) -> Result:
    words = ["edit", "make it night", *map(str, arguments)]
    options = ["--bundle", str(bundle), "--backend", "fake"]
    return CliRunner().invoke(app, [*words, *options], input=stdin)


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_picture_goes_to_the_file_named(bundle: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "night.jpg"
    result = run_edit(bundle, photos / "a.png", "--out", out, "--seed", 3)
    assert result.exit_code == 0, result.output
    with Image.open(out) as edited:
        assert edited.format == "JPEG"
    assert "seed 3" in result.output


def test_without_out_the_edit_lies_beside_the_picture(bundle: Path, photos: Path) -> None:
    assert run_edit(bundle, photos / "a.png").exit_code == 0
    with Image.open(photos / "a-edited.png") as edited:
        assert edited.size == (64, 40)


def test_a_folder_is_edited_once_and_one_bad_picture_harms_no_other(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"not a picture")
    (photos / "a-edited.png").write_bytes(b"made by an earlier run")
    (photos / "notes.txt").write_text("no picture either")
    result = run_edit(bundle, photos, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    lines = {Path(line["input"]).name: line for line in json_lines(result.stdout)}
    assert lines.keys() == {"a.png", "b.jpg", "broken.png", "c.webp"}
    assert lines["broken.png"]["error"]["code"] == "UnsupportedImage"
    assert lines["b.jpg"]["params"]["steps"] == 4  # the bundle's default
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]


def test_the_json_line_repeats_the_edit(bundle: Path, photos: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    told = json_lines(run_edit(bundle, photos / "b.jpg", "-o", first, "--json").stdout)[0]
    run_edit(bundle, photos / "b.jpg", "-o", again, "--seed", told["params"]["seed"])
    assert first.read_bytes() == again.read_bytes()


def test_stdin_goes_to_stdout(bundle: Path, photos: Path) -> None:
    result = run_edit(bundle, "-", stdin=(photos / "a.png").read_bytes())
    assert result.exit_code == 0
    assert Image.open(io.BytesIO(result.stdout_bytes)).size == (64, 40)


def test_a_file_goes_to_stdout_as_png_and_nothing_beside_it(
    bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    result = run_edit(bundle, "b.jpg", "-o", "-", "--json")
    assert result.exit_code == 0
    with Image.open(io.BytesIO(result.stdout_bytes)) as edited:
        assert (edited.format, edited.size) == ("PNG", (64, 40))
    assert json_lines(result.stderr)[0]["output"] == "-"
    assert not Path("-").exists()


def test_lines_never_mix_with_a_picture_on_stdout(bundle: Path, photos: Path) -> None:
    data = (photos / "a.png").read_bytes()
    result = run_edit(bundle, "-", photos / "b.jpg", photos / "none.png", "--json", stdin=data)
    assert result.exit_code == 1
    picture = Image.open(io.BytesIO(result.stdout_bytes))
    picture.load()
    assert result.stdout_bytes.endswith(b"IEND\xaeB`\x82")
    assert [sorted(line)[:1] for line in json_lines(result.stderr)] == [
        ["input"],
        ["input"],
        ["error"],
    ]


@pytest.mark.parametrize("out", ["-", "one.png"])
def test_several_pictures_into_one_file_are_refused(
    bundle: Path, photos: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    for images in (["a.png", "b.jpg"], ["."]):
        result = run_edit(bundle, *images, "-o", out, "--json")
        assert result.exit_code == 1
        lines = result.stderr if out == "-" else result.stdout
        assert "name a folder for several" in json_lines(lines)[0]["error"]["message"]
        assert not Path(out).exists()


def test_stdin_is_read_once(bundle: Path, photos: Path) -> None:
    data = (photos / "a.png").read_bytes()
    result = run_edit(bundle, "-", "-", stdin=data)
    assert result.exit_code == 1
    assert result.stdout_bytes == b""
    assert "- is given more than once" in result.stderr


def test_a_file_that_exists_is_replaced_only_when_that_is_asked_for(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    other = photos / "b.jpg"
    before = other.read_bytes()
    for out in (other, photos):  # as the file named, and as what a folder holds
        image = tmp_path / "b.png"
        (photos / "b.png").write_bytes(before)
        Image.new("RGB", (64, 40)).save(image)
        refused = run_edit(bundle, image, "-o", out)
        assert refused.exit_code == 1
        assert "exists; name another --out, or replace it with --force" in refused.output
    assert other.read_bytes() == (photos / "b.png").read_bytes() == before
    assert run_edit(bundle, tmp_path / "b.png", "-o", other, "--force").exit_code == 0
    assert other.read_bytes() != before


def test_force_never_replaces_a_picture_that_is_edited(bundle: Path, photos: Path) -> None:
    before = (photos / "a.png").read_bytes()
    (photos / "link.png").symlink_to(photos / "a.png")
    result = run_edit(bundle, photos / "a.png", "-o", photos / "link.png", "--force")
    assert result.exit_code == 1
    assert (photos / "a.png").read_bytes() == before


def test_an_earlier_edit_is_replaced(bundle: Path, photos: Path) -> None:
    for seed in (1, 2):
        assert run_edit(bundle, photos / "a.png", "--seed", seed).exit_code == 0


def test_a_stream_that_takes_no_more_is_an_error(bundle: Path, photos: Path) -> None:
    command = [sys.executable, "-m", "retouch", "edit", "make it night", str(photos / "a.png")]
    command += ["--bundle", str(bundle), "--backend", "fake", "--out", "-"]
    with open("/dev/full", "wb") as full:
        failed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert failed.returncode == 1
    assert b"- cannot be written" in failed.stderr
    assert b"Traceback" not in failed.stderr


def test_a_folder_of_one_picture_goes_to_a_folder(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    Image.new("RGB", (64, 40)).save(folder / "only.png")
    assert run_edit(bundle, folder, "--out", tmp_path / "made").exit_code == 0
    assert (tmp_path / "made" / "only.png").is_file()


@pytest.mark.parametrize("out", ["photos", "photos/../photos"])
def test_originals_are_never_overwritten(
    bundle: Path, photos: Path, tmp_path: Path, out: str
) -> None:
    before = (photos / "a.png").read_bytes()
    result = run_edit(bundle, photos, "--out", tmp_path / out)
    assert result.exit_code == 1
    assert "edits would overwrite" in result.output
    assert (photos / "a.png").read_bytes() == before


def test_several_edits_into_a_file_are_refused(bundle: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run_edit(bundle, photos, "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert "must be a folder" in result.output


def test_names_that_look_like_markup_are_printed(bundle: Path, tmp_path: Path) -> None:
    result = run_edit(bundle, tmp_path / "[bold]none[", "--seed", 1)
    assert result.exit_code == 1
    assert "[bold]none[" in result.output.replace("\n", "")


def test_an_error_is_json_too(bundle: Path, photos: Path) -> None:
    result = run_edit(bundle, photos / "a.png", "--steps", 900, "--json")
    assert result.exit_code == 1
    assert json_lines(result.stdout)[0]["error"]["code"] == "InvalidRequest"


def test_edits_that_would_overwrite_each_other_are_refused(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(photos / "a.bmp")
    result = run_edit(bundle, photos, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "several edits would go to one file" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--steps", "900"], "steps 900"),
        (["--text-guidance", "nan"], "text_guidance nan"),
        (["--out", "night.unknown"], "night.unknown cannot be written"),
        (["--precision", "fp64", "--backend", "openvino"], "fp64"),
    ],
)
def test_bad_input_ends_with_one_line(
    bundle: Path, photos: Path, arguments: list[str], told: str
) -> None:
    words = ["edit", "make it night", str(photos / "a.png"), "--bundle", str(bundle)]
    result = CliRunner().invoke(app, [*words, "--backend", "fake", *arguments])
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output


def test_an_unreadable_picture_is_named(bundle: Path, tmp_path: Path) -> None:
    result = run_edit(bundle, tmp_path / "none.png")
    assert result.exit_code == 1
    assert "none.png" in result.output.replace("\n", "")


def test_inspect_prints_the_manifest(bundle: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(bundle), "--json"])
    assert result.stdout == Bundle.open(bundle).manifest.dumps()
    assert "image_decoder" in CliRunner().invoke(app, ["inspect", str(bundle)]).stdout


def test_inspect_tells_what_engines_are_built_for(tmp_path: Path) -> None:
    write_engine_bundle(tmp_path / "bundle")
    told = CliRunner().invoke(app, ["inspect", str(tmp_path / "bundle")], env={"COLUMNS": "250"})
    assert told.stdout.count("any device") == len(GRAPH_NAMES)
    wanted = "tensorrt-rtx 1.7.1.116 on compute 8.6, 1 to 12 rows, sides of 32 to 128"
    assert told.stdout.count(wanted) == len(GRAPH_NAMES)


def test_inspect_refuses_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(tmp_path)])
    assert result.exit_code == 1
    assert "BundleNotFound" in result.output


def test_doctor_names_what_auto_would_use_and_what_is_missing() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["chosen"]["backend"] == "openvino"
    for probe in found["probes"]:
        assert probe["why"]
        assert probe["usable"] or probe["fix"]
    told = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "60"}).stdout
    assert found["extras"]
    for extra in found["extras"]:
        assert f"extra {extra['name']} {'lacks' if extra['missing'] else 'is complete'}" in told
        assert f"  {extra['fix']}\n" in told or not extra["missing"]


def run_again(bundle: Path, *arguments: object) -> Result:
    options = ["--bundle", str(bundle), "--backend", "fake"]
    return CliRunner().invoke(app, ["edit", *map(str, arguments), *options])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_result_is_repeated_by_what_it_says(
    bundle: Path, photos: Path, tmp_path: Path, suffix: str
) -> None:
    first, again = tmp_path / f"first{suffix}", tmp_path / f"again{suffix}"
    options = ["--text-guidance", 3, "--sampler", "ddim", "--steps", 2, "--max-size", 72]
    assert run_edit(bundle, photos / "b.jpg", "-o", first, *options).exit_code == 0
    result = run_again(bundle, "--again", first, "-i", photos / "b.jpg", "-o", again)
    assert result.exit_code == 0, result.output
    assert again.read_bytes() == first.read_bytes()
    assert "warning" not in result.output


def test_an_option_changes_what_is_repeated(bundle: Path, photos: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    run_edit(bundle, photos / "b.jpg", "-o", first, "--seed", 1)
    asked = ["--again", first, "-i", photos / "a.png", "-o", again, "--seed", 2, "--json"]
    (told,) = json_lines(run_again(bundle, *asked).stdout)
    assert told["params"]["seed"] == 2
    assert told["params"]["instruction"] == "make it night"


def test_without_a_picture_the_result_is_edited_once_more(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first.png"
    run_edit(bundle, photos / "b.jpg", "-o", first, "--seed", 1)
    assert run_again(bundle, "--again", first).exit_code == 0
    with Image.open(tmp_path / "first-edited.png") as twice, Image.open(first) as once:
        assert twice.size == once.size
        assert twice.tobytes() != once.tobytes()


def test_a_result_of_another_bundle_is_repeated_with_a_warning(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first.png"
    run_edit(bundle, photos / "b.jpg", "-o", first)
    other = write_fake_bundle(tmp_path / "other", text_width=8)
    result = run_again(other, "--again", first, "-i", photos / "b.jpg", "-o", tmp_path / "b.png")
    assert result.exit_code == 0
    assert "another bundle" in result.output


def test_a_picture_that_says_nothing_cannot_be_repeated(bundle: Path, photos: Path) -> None:
    result = run_again(bundle, "--again", photos / "a.png")
    assert result.exit_code == 1
    assert "holds no record of an edit" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["make it night"],
        ["make it night", "a.png", "--again", "a.png"],
        ["make it night", "a.png", "-i", "a.png"],
        ["-i", "a.png"],
        ["--again", "none.png"],
    ],
)
def test_the_two_ways_to_ask_do_not_mix(
    bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(photos)
    assert run_again(bundle, *arguments).exit_code == 2
    assert not (photos / "a-edited.png").exists()


def run_bench(bundle: Path, *arguments: object) -> Result:
    options = ["--bundle", str(bundle), "--backend", "fake", "--size", "64", "--steps", "4"]
    return CliRunner().invoke(app, ["bench", *options, *map(str, arguments)])


def test_bench_times_an_edit_and_ticks_of_several(bundle: Path) -> None:
    result = run_bench(bundle, "--repeat", 2, "--together", 1, "--together", 3, "--json")
    assert result.exit_code == 0, result.output
    edit_line, *ticks = json_lines(result.stdout)
    assert (edit_line["what"], edit_line["rows"], edit_line["count"]) == ("edit", 12, 2)
    assert [(tick["requests"], tick["rows"]) for tick in ticks] == [(1, 3), (3, 9)]
    for line in (edit_line, *ticks):
        assert 0 < line["min_s"] <= line["p50_s"] <= line["max_s"]
        assert (line["backend"], line["device"], line["precision"]) == ("fake", "cpu", "fp32")
        assert line["open_s"] > 0
    assert all(tick["count"] >= 2 for tick in ticks)


def test_bench_prints_a_table(bundle: Path) -> None:
    result = run_bench(bundle, "--repeat", 1)
    assert result.exit_code == 0, result.output
    for row in ("one edit", "tick of 1", "tick of 4"):
        assert row in result.stdout


def test_what_is_asked_of_the_gpu_reaches_the_backend(
    bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GpuOptions] = []

    def open_backend(device: str, precision: str, gpu: GpuOptions) -> FakeBackend:
        asked.append(gpu)
        return FakeBackend()

    monkeypatch.setattr(fake, "open_backend", open_backend)
    options = ["--bundle", str(bundle), "--backend", "fake", "--cuda-graphs", "--gpu-memory", "100"]
    picture = [str(photos / "a.png"), "--out", str(photos / "asked.png")]
    result = CliRunner().invoke(app, ["edit", "make it night", *picture, *options])
    assert result.exit_code == 0, result.output
    result = run_bench(bundle, "--cuda-graphs", "--gpu-memory", 100, "--repeat", 1, "--json")
    assert result.exit_code == 0, result.output
    assert asked == [GpuOptions(cuda_graphs=True, memory=100 * 2**20)] * 2
    assert all(line["cuda_graphs"] for line in json_lines(result.stdout))


def test_a_backend_without_a_gpu_says_so(bundle: Path) -> None:
    for option in (["--cuda-graphs"], ["--gpu-memory", "100"]):
        result = run_bench(bundle, "--backend", "ort", "--device", "cpu", "--json", *option)
        assert result.exit_code == 1
        assert "ort on cpu uses no GPU" in json_lines(result.stdout)[0]["error"]["message"]


def test_bench_tells_what_keeps_it_from_running(bundle: Path) -> None:
    for arguments in (["--device", "cuda", "--backend", "tensorrt-rtx"], ["--bundle", "none"]):
        result = run_bench(bundle, "--json", *arguments)
        assert result.exit_code == 1
        assert json_lines(result.stdout)[0]["error"]["message"]
