"""Retouch: instruction-based image editing. The public names, and the command `retouch`.

import retouch

with retouch.open("models/mini") as editor:
    editor.edit(image, "make it night", seed=7).save("night.png")
"""

from __future__ import annotations

from runtime import (
    BackendError,
    BundleError,
    EditError,
    Editor,
    EditParams,
    EditResult,
    EngineWorker,
    GpuOptions,
    InvalidRequest,
    Limits,
    Manifest,
    Overloaded,
    Provenance,
    SamplerName,
    open_worker,
    read_image,
    read_provenance,
)
from runtime import open_editor as open

__all__ = [
    "BackendError",
    "BundleError",
    "EditError",
    "EditParams",
    "EditResult",
    "Editor",
    "EngineWorker",
    "GpuOptions",
    "InvalidRequest",
    "Limits",
    "Manifest",
    "Overloaded",
    "Provenance",
    "SamplerName",
    "open",
    "open_worker",
    "read_image",
    "read_provenance",
]


def main() -> None:
    """The command line: each package that is there brings its own commands; an image of the service
    has neither `export` nor `train`."""
    from importlib.util import find_spec

    import typer

    from runtime.cli import bench, doctor, edit, inspect
    from service.cli import key, serve

    cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
    for command in (edit, serve, key, inspect, doctor, bench):
        cli.command()(command)
    if find_spec("export"):
        from export.cli import export

        cli.command()(export)
    if find_spec("train"):
        from train.cli import app as train

        cli.add_typer(train, name="train", help="Make a checkpoint: photos, autoencoder, UNet.")
    cli()


if __name__ == "__main__":
    main()
