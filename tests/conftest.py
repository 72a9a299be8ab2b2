"""Fixtures that are slow to make, shared by the whole run. Treat what they return as read-only."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny InstructPix2Pix checkpoint with random weights (tests/tiny.py)."""
    from tests.tiny import write_tiny_checkpoint

    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def tiny_bundle(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_checkpoint` exported in fp32."""
    from export.assemble import export_bundle

    path = tmp_path_factory.mktemp("bundle") / "tiny"
    export_bundle(tiny_checkpoint, path, precision="fp32")
    return path


@pytest.fixture(scope="session")
def other_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another autoencoder, prediction type and UNet options than `tiny_checkpoint` has."""
    from tests.tiny import write_tiny_checkpoint

    return write_tiny_checkpoint(
        tmp_path_factory.mktemp("checkpoint") / "other",
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


@pytest.fixture(scope="session")
def cli_export(
    other_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Result]:
    """`other_checkpoint` exported in fp16 by the command line: the bundle and what was printed."""
    from export.cli import export

    path = tmp_path_factory.mktemp("bundle") / "tiny-fp16"
    app = typer.Typer()
    app.command()(export)
    return path, CliRunner().invoke(app, [str(other_checkpoint), str(path), "--json"])


@pytest.fixture(scope="session")
def tiny_bundle_fp16(cli_export: tuple[Path, Result]) -> Path:
    """`other_checkpoint` exported in fp16."""
    path, result = cli_export
    assert result.exit_code == 0, result.output
    return path
