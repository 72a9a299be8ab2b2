"""Weights packages of real exports: a LoRA for a server that runs, against the LoRA merged."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

import export.assemble
from export.assemble import Exported, export_bundle
from export.cli import export as export_command
from export.errors import ParityExceeded
from export.lora import Lora
from export.onto import exporting_onto
from runtime import EngineWorker, open_editor, open_worker
from runtime.bundle import Bundle
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.progress import Progress
from runtime.weights.difference import write_package
from runtime.weights.package import Package
from tests.conftest import Once
from tests.tiny_lora import write_tiny_lora

PATIENCE_S = 60.0
PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8))
ASKED: dict[str, Any] = {"steps": 3, "seed": 4, "max_size": 64}


@pytest.fixture(scope="session")
def merged(tiny_checkpoint: Path, once: Once) -> Bundle:
    """`tiny_checkpoint` exported like `tiny_bundle`, with a LoRA merged."""

    def make(path: Path) -> None:
        path.mkdir()
        lora = write_tiny_lora(tiny_checkpoint, path)
        export_bundle(tiny_checkpoint, path / "bundle", precision="fp32", loras=[Lora(lora)])

    return Bundle.open(once("tiny-merged", make) / "bundle")


@pytest.fixture(scope="module")
def base(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


@pytest.fixture(scope="module")
def package(base: Bundle, merged: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("onto") / "style.weights"
    write_package(base, merged, path)
    return Package.open(path)


def edited(path: Path) -> np.ndarray[Any, Any]:
    with open_editor(path, backend="ort", device="cpu") as editor:
        return np.asarray(editor.edit(PICTURE, "make it night", **ASKED).image)


def test_a_lora_takes_effect_between_the_edits_of_a_worker_that_runs(
    base: Bundle, merged: Bundle, package: Package
) -> None:
    """To the bit: what is under way is finished as it began, and what waits gets the LoRA."""
    plain, styled = edited(base.path), edited(merged.path)
    assert np.abs(plain.astype(int) - styled).max() > 8  # or nothing would be shown
    reached, free = threading.Event(), threading.Event()

    def hold(progress: Progress) -> None:
        reached.set()
        assert free.wait(PATIENCE_S)

    worker = open_worker(base.path, backend="ort", device="cpu")
    params = worker.params("make it night", **ASKED)
    with ThreadPoolExecutor() as pool, closing(worker):
        running = worker.submit(PICTURE, params, hold)
        assert reached.wait(PATIENCE_S)
        changing = pool.submit(worker.replace_weights, package)
        while not worker._engine.replacement.pending:
            assert not changing.done(), changing.result()
        waiting = worker.submit(PICTURE, params)
        free.set()
        changing.result(PATIENCE_S)
        before, after = running.result(PATIENCE_S), waiting.result(PATIENCE_S)
        worker.replace_weights(None)
        again = worker.submit(PICTURE, params).result(PATIENCE_S)
    np.testing.assert_array_equal(np.asarray(before.image), plain)
    np.testing.assert_array_equal(np.asarray(after.image), styled)
    np.testing.assert_array_equal(np.asarray(again.image), plain)
    digests = [result.provenance.bundle for result in (before, after, again)]
    assert digests == [base.manifest.digest(), package.digest, base.manifest.digest()]


@contextmanager
def closing(worker: EngineWorker) -> Iterator[None]:
    try:
        yield
    finally:
        worker.close()


def test_two_exports_are_equal_to_the_byte_but_for_the_weights(
    base: Bundle, merged: Bundle, package: Package
) -> None:
    """That is what packages rest on: a LoRA leaves the image graphs alone, and of the others
    changes nothing but initializers.
    """
    for name in GRAPH_NAMES:
        assert without_weights(base, name) == without_weights(merged, name), name
    assert {patch.path for patch in package.header.patches} == {
        "text_encoder.fp32.onnx",
        "tick.fp32.onnx",
    }
    sizes = {file.path: (base.path / file.path).stat().st_size for file in base.manifest.files()}
    assert package.header.size < sizes["tick.fp32.onnx"]


def without_weights(bundle: Bundle, name: GraphName) -> onnx.ModelProto:
    model = onnx.load(bundle.graph_path(bundle.manifest.graphs[name][0]))
    for tensor in model.graph.initializer:
        tensor.raw_data = b""
    return model


def test_a_package_names_the_lora(package: Package, base: Bundle) -> None:
    manifest = package.header.manifest
    assert "LoRA" in manifest.created_by
    assert manifest.name == base.manifest.name


# The command. The export itself is that of `merged`.


def command(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(export_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def exporting(merged: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(source: str, bundle: Path, **options: Any) -> Exported:
        shutil.copytree(merged.path, bundle)
        return Exported(merged.manifest, ())

    monkeypatch.setattr(export.assemble, "export_bundle", copy)


@pytest.mark.usefixtures("exporting")
def test_the_command_writes_a_package(base: Bundle, package: Package, tmp_path: Path) -> None:
    target = tmp_path / "style.weights"
    result = command("checkpoint", target, "--precision", "fp32", "--onto", base.path)
    assert result.exit_code == 0, result.output
    assert target.read_bytes() == package.path.read_bytes()
    assert list(tmp_path.iterdir()) == [target]
    assert "wrote" in result.stdout


@pytest.mark.usefixtures("exporting")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--precision", "fp16"), "ONNX graphs in fp32, not in fp16 alone; give the --precision"),
        (("--precision", "fp32", "--target", "tensorrt-rtx"), "holds no engines.*leave out --targ"),
    ],
)
def test_what_cannot_become_a_package_is_told_at_once(
    arguments: tuple[str, ...], told: str, base: Bundle, tmp_path: Path
) -> None:
    target = tmp_path / "style.weights"
    result = command("checkpoint", target, "--onto", base.path, *arguments)
    assert result.exit_code == 1
    assert re.search(told, result.stderr)
    assert not list(tmp_path.iterdir())


def test_a_base_that_is_none_and_a_package_that_is_there(base: Bundle, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for target, onto, told in (
        ("there", base.path, "exists"),
        ("new", tmp_path, "is no bundle"),
        ("no/where", base.path, "cannot be written"),
    ):
        result = command("none", tmp_path / target, "--precision", "fp32", "--onto", onto)
        assert result.exit_code == 1
        assert told in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_fails_elsewhere_is_not_told_as_the_packages_failure(
    base: Bundle, tmp_path: Path
) -> None:
    with (
        pytest.raises(ConnectionError, match="the hub is away"),
        exporting_onto(base.path, tmp_path / "style.weights", "fp32"),
    ):
        raise ConnectionError("the hub is away")
    assert not list(tmp_path.iterdir())


def test_parity_is_held_to_as_ever(
    base: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> Exported:
        raise ParityExceeded("tick: max error 1, bound 0.1", ())

    monkeypatch.setattr(export.assemble, "export_bundle", fail)
    target = tmp_path / "style.weights"
    result = command("none", target, "--precision", "fp32", "--onto", base.path)
    assert result.exit_code == 1
    assert "max error 1" in result.stderr
    assert not list(tmp_path.iterdir())
