"""An export that cannot finish says why and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from export.assemble import STAGES, export_bundle
from export.cli import export
from export.errors import CheckpointError, ExportError, ParityExceeded
from export.pack import building
from export.reference import Expected, Probe
from export.verify import check, verify_graph
from runtime.bundle import Bundle
from tests.tiny import MAX_LENGTH


def run_cli(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(export)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr


@pytest.mark.parametrize("kind", ["directory", "file", "dangling link"])
def test_an_existing_target_is_not_touched(
    kind: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    target = tmp_path / "bundle"
    if kind == "directory":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="bundle exists; remove it"):
        export_bundle(tiny_checkpoint, target)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_target_below_a_file(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        export_bundle(tiny_checkpoint, tmp_path / "file" / "bundle")


def test_a_bad_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        export_bundle(tmp_path / "none", tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(tiny_checkpoint: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def interrupt(stage: str) -> None:
        seen.extend(path.name for path in tmp_path.glob(".*/*"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_bundle(tiny_checkpoint, tmp_path / "bundle", on_stage=interrupt)
    assert seen == ["tokenizer.json"]  # it had begun to write
    assert list(tmp_path.iterdir()) == []


def test_sigterm_leaves_nothing(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, as an impatient supervisor sends it, the second time amidst the cleaning up."""
    seen: list[str] = []

    def terminate(*_: object) -> None:
        seen.extend(path.name for path in tmp_path.glob("models/.*/*"))
        signal.raise_signal(signal.SIGTERM)

    def remove(path: Path, ignore_errors: bool) -> None:
        if path.is_relative_to(tmp_path):  # not what others remove, when nothing would catch it
            signal.raise_signal(signal.SIGTERM)
        rmtree(path, ignore_errors=ignore_errors)

    rmtree = shutil.rmtree
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("export.assemble.to_onnx", terminate)
    monkeypatch.setattr("export.pack.shutil.rmtree", remove)
    code, _ = run_cli(tiny_checkpoint, tmp_path / "models" / "bundle")
    assert code == 128 + signal.SIGTERM
    assert seen == ["tokenizer.json"]  # it had begun to write
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_failure_removes_the_parents_that_it_made_itself(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(CheckpointError):
        export_bundle(tmp_path / "none", tmp_path / "mine" / "a" / "b" / "bundle")
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_failure_keeps_a_parent_that_another_uses_meanwhile(tmp_path: Path) -> None:
    def build() -> None:
        with building(tmp_path / "a" / "b" / "bundle"):
            (tmp_path / "a" / "theirs").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "theirs"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A real limit of the system: a write beyond it fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk(tiny_checkpoint: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    with (
        largest_file(50_000),  # the tokenizer fits, the text encoder does not
        pytest.raises(ExportError, match=r"cannot be written: .*; free some space"),
    ):
        export_bundle(tiny_checkpoint, tmp_path / "bundle", on_stage=stages.append)
    assert stages == [STAGES[0]]
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_appears_whole_and_readable_by_others(tmp_path: Path) -> None:
    target = tmp_path / "models" / "bundle"
    with building(target) as root:
        (root / "graph.onnx").write_bytes(b"graph")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["graph.onnx"]
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "bundle"

    def build() -> None:
        with building(target) as root:
            (root / "graph.onnx").write_bytes(b"graph")
            target.mkdir()

    with pytest.raises(ExportError, match="exists"):
        build()
    assert list(target.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_error_above_its_bound_is_named(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    manifest = bundle.manifest
    stored = manifest.graphs["image_encoder"][0]
    given = Probe(manifest.model, 1, 4, 4, MAX_LENGTH, 500, 5.0).inputs("image_encoder")
    arrays = {name: tensor.numpy() for name, tensor in given.items()}
    wrong = Expected(arrays, {"latent": np.full((1, 4, 4, 4), 2.0, np.float32)})
    path = bundle.graph_path(stored)
    report = verify_graph("image_encoder", path, manifest, "fp32", wrong)
    with pytest.raises(
        ParityExceeded, match=r"image_encoder \(latent\): max error .*, bound 0.002"
    ):
        check(report)


@pytest.mark.parametrize("excess", ["weights", "activations"])
def test_a_checkpoint_that_overflows_float16(
    excess: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """float32 would do: the last norm of the text encoder makes everything small again."""
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    path = checkpoint / "text_encoder" / "model.safetensors"
    tensors = load_file(path)
    names = [name for name in tensors if "mlp" in name and name.endswith("weight")]
    for name in names:
        tensors[name] *= 1e6 if excess == "weights" else 3e4
    assert (max(tensors[name].abs().max() for name in names) > 65504) == (excess == "weights")
    save_file(tensors, path, metadata={"format": "pt"})
    code, printed = run_cli(checkpoint, tmp_path / "bundle", "--precision", "fp16")
    assert code == 1
    assert "Difference from the checkpoint" in printed  # the table
    error = printed.strip().splitlines()[-1]
    assert error.startswith("error: in fp16 the exported graphs differ too much")
    assert "text_encoder (text): max error nan, bound 0." in error
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_the_command_reports_an_error_in_one_line(tmp_path: Path) -> None:
    code, printed = run_cli(tmp_path / "none", tmp_path / "bundle")
    assert code == 1
    assert printed.strip().splitlines()[-1].startswith("error: there is no checkpoint at")
    assert "Traceback" not in printed


def test_quiet_restores_logging_and_warnings() -> None:
    import logging
    import warnings

    from export.quiet import quiet

    with quiet():
        warnings.warn("hidden", stacklevel=1)
    assert logging.root.manager.disable == 0
    with pytest.warns(UserWarning, match="shown"):
        warnings.warn("shown", stacklevel=1)
    assert torch.is_grad_enabled()
