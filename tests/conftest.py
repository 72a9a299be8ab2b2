"""Fixtures that are slow to make, shared by the whole run. Treat what they return as read-only."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch is imported. The models are tiny: a second thread gains nothing, and waits for its
# turn where several workers or programs share the processor.
os.environ.setdefault("OMP_NUM_THREADS", "1")


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, make)` calls `make(path)` in one worker; the others wait and get the path."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def get(name: str, make: Callable[[Path], object]) -> Path:
        path, made = shared / name, shared / f"{name}.made"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                make(path)
                made.touch()
        return path

    return get


@pytest.fixture(scope="session")
def tiny_checkpoint(once: Once) -> Path:
    """A tiny InstructPix2Pix checkpoint with random weights (tests/tiny.py)."""
    from tests.tiny import write_tiny_checkpoint

    return once("tiny-checkpoint", write_tiny_checkpoint)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_checkpoint: Path, once: Once) -> Path:
    """`tiny_checkpoint` exported in fp32."""

    def make(path: Path) -> None:
        from export.assemble import export_bundle

        export_bundle(tiny_checkpoint, path, precision="fp32")

    return once("tiny-bundle", make)


@pytest.fixture(scope="session")
def other_checkpoint(once: Once) -> Path:
    """Another autoencoder, prediction type and UNet options than `tiny_checkpoint` has."""

    def make(path: Path) -> None:
        from tests.tiny import write_tiny_checkpoint

        write_tiny_checkpoint(
            path,
            prediction_type="v_prediction",
            vae="tiny",
            zero_snr=True,
            unet={
                "addition_embed_type": "text",
                "addition_embed_type_num_heads": 2,
                "resnet_time_scale_shift": "scale_shift",
                "upcast_attention": True,
            },
        )

    return once("other-checkpoint", make)


@pytest.fixture(scope="session")
def xl_checkpoint(once: Once) -> Path:
    """A tiny SDXL InstructPix2Pix checkpoint with an AutoencoderTiny (tests/tiny_xl.py)."""

    def make(path: Path) -> None:
        from tests.tiny_xl import write_tiny_xl_checkpoint

        write_tiny_xl_checkpoint(path, vae="tiny")

    return once("xl-checkpoint", make)


@pytest.fixture(scope="session")
def xl_bundle(xl_checkpoint: Path, once: Once) -> Path:
    """`xl_checkpoint` exported in fp32."""

    def make(path: Path) -> None:
        from export.assemble import export_bundle

        export_bundle(xl_checkpoint, path, precision="fp32")

    return once("xl-bundle", make)


@pytest.fixture(scope="session")
def cosxl_checkpoint(once: Once) -> Path:
    """A tiny CosXL editing checkpoint with an AutoencoderKL, whose latents are to be scaled."""

    def make(path: Path) -> None:
        from tests.tiny_xl import COSXL, write_tiny_xl_checkpoint

        write_tiny_xl_checkpoint(path, scheduler=COSXL, index={"is_cosxl_edit": True})

    return once("cosxl-checkpoint", make)


@pytest.fixture(scope="session")
def cosxl_bundle(cosxl_checkpoint: Path, once: Once) -> Path:
    """`cosxl_checkpoint` exported in fp32."""

    def make(path: Path) -> None:
        from export.assemble import export_bundle

        export_bundle(cosxl_checkpoint, path, precision="fp32")

    return once("cosxl-bundle", make)


@pytest.fixture(scope="session")
def cli_export(other_checkpoint: Path, once: Once) -> Path:
    """`other_checkpoint` exported in fp16 by the command line, with engines for one GPU.

    The directory holds the `bundle`, and what was `printed`: JSON of exit_code, stdout, stderr, as
    on a terminal.
    """

    def make(path: Path) -> None:
        import typer
        from typer.testing import CliRunner

        from export.cli import export

        app = typer.Typer()
        app.command()(export)
        path.mkdir()
        engines = ("--target", "tensorrt-rtx", "--compute", "8.6", "--side", "64:96:128")
        arguments = (str(other_checkpoint), str(path / "bundle"), "--json", *engines)
        result = CliRunner(env={"FORCE_COLOR": "1", "COLUMNS": "120"}).invoke(app, arguments)
        printed = {name: getattr(result, name) for name in ("exit_code", "stdout", "stderr")}
        (path / "printed").write_text(json.dumps(printed))

    return once("tiny-fp16", make)


@pytest.fixture(scope="session")
def tiny_bundle_fp16(cli_export: Path) -> Path:
    """`other_checkpoint` exported in fp16."""
    bundle = cli_export / "bundle"
    assert bundle.exists(), (cli_export / "printed").read_text()
    return bundle
