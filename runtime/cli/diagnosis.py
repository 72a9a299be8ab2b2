"""The command `retouch doctor`."""

from __future__ import annotations

import dataclasses
import json

import typer

from runtime.cli.printing import JsonOption, print_table, terminal
from runtime.doctor import diagnose


def doctor(as_json: JsonOption = False) -> None:
    """Tell which backends can run here, at which precision and why, and what is missing."""
    found = diagnose()
    if as_json:
        print(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        rows = [
            (
                probe.backend + (" (auto)" if probe == found.chosen else ""),
                probe.device,
                probe.precision or "unusable",
                probe.why,
                probe.fix,
            )
            for probe in found.probes
        ]
        print_table(("backend", "device", "precision", "why", "what helps"), rows)
        for extra in found.extras:  # no table, so that a command can be copied in one piece
            lacks = f"lacks {', '.join(extra.missing)}" if extra.missing else "is complete"
            print(
                f"extra {extra.name} {lacks}", *([f"  {extra.fix}"] if extra.fix else []), sep="\n"
            )
        for warning in found.warnings:
            terminal.print(f"[yellow]warning:[/] {warning}")
    raise typer.Exit(0 if found.chosen else 1)
