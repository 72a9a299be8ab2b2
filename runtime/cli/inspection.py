"""The command `retouch inspect`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from runtime.bundle import Bundle
from runtime.cli.printing import JsonOption, errors_told, print_table
from runtime.manifest import GRAPH_NAMES, Manifest, Variant


def inspect(bundle: Annotated[Path, typer.Argument()], as_json: JsonOption = False) -> None:
    """Verify a bundle and tell what is in it."""
    with errors_told(sys.stdout if as_json else None):
        opened = Bundle.open(bundle)
    if as_json:
        print(opened.manifest.dumps(), end="")
        return
    manifest, facts = opened.manifest, dataclasses.asdict(opened.manifest.model)
    facts |= {"licence": manifest.licence, "made by": manifest.created_by}
    facts |= {f"default {name}": value for name, value in manifest.defaults.items()}
    print_table((manifest.name, ""), [(name, str(value)) for name, value in facts.items()])
    print_table(("graph", "precision", "for", "MB", "inputs", "outputs"), _graph_rows(opened))
    print_table(("parity", "output", "backend", "max error", "mean", "bound"), _parity(manifest))


def _graph_rows(bundle: Bundle) -> list[tuple[str, ...]]:
    return [
        (
            name,
            variant.precision,
            _target(variant),
            f"{sum((bundle.path / f.path).stat().st_size for f in files) / 1e6:.1f}",
            ", ".join(port.name for port in variant.inputs),
            ", ".join(port.name for port in variant.outputs),
        )
        for name in GRAPH_NAMES
        for variant in bundle.manifest.graphs[name]
        for files in [(variant.file, *variant.data)]
    ]


def _target(variant: Variant) -> str:
    if (built_for := variant.built_for) is None:
        return "any device"
    return f"{built_for}, {built_for.rows} rows, sides of {built_for.side}"


def _parity(manifest: Manifest) -> list[tuple[str, ...]]:
    return [
        (
            f"{line.graph} {line.precision}",
            line.output,
            line.backend,
            f"{line.max_error:.2e}",
            f"{line.mean_error:.2e}",
            "" if line.bound is None else f"{line.bound:.2e}",
        )
        for line in manifest.parity
    ]
