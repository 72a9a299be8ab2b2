"""The export itself: every graph in turn, then the bundle, then its parity report."""

from __future__ import annotations

import dataclasses
import gc
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from export import facts
from export.checkpoint import Checkpoint, open_checkpoint
from export.engines.add import EngineJob
from export.engines.recipe import BuildReport, EngineRecipe
from export.errors import CheckpointError
from export.graphs import build_graph
from export.lora import Lora, parse_lora
from export.opset import DEFAULT_OPSET, Opset
from export.pack import building, digest, write_manifest, write_tokenizer
from export.precision import HALF_ARITHMETIC, reduce_timestep, store_half, to_half
from export.preview import PreviewFit
from export.reference import EagerEdit, Expected, Probe, picture, run_eager
from export.to_onnx import save, to_onnx
from export.verify import check, compare, verify_edit, verify_graph
from runtime.manifest import (
    GRAPH_NAMES,
    SCHEMA_VERSION,
    GraphName,
    Manifest,
    Parity,
    Precision,
    Tokenizer,
    Variant,
)
from runtime.ports import Ports, ports_of

__all__ = ["STAGES", "Exported", "export_bundle", "parse_lora"]

STAGES: Final = (
    *(f"export {name}" for name in GRAPH_NAMES),
    *(f"verify {name}" for name in GRAPH_NAMES),
    "verify edit",
)  # and those of `export.engines.recipe`, when engines are built
_EDIT_SIDE: Final = 64  # pixels; the smallest that a caller can ask for


def export_bundle(
    source: str | Path,
    bundle: str | Path,
    *,
    precision: Precision = "fp16",
    opset: Opset = DEFAULT_OPSET,
    licence: str | None = None,
    loras: Sequence[Lora] = (),
    engines: EngineRecipe | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_build: Callable[[str, float], None] = lambda phase, share: None,
) -> Exported:
    """Export the checkpoint at `source` (directory or hub id) as a new bundle directory.

    `licence` overrides the model card's. `loras` are merged into the weights; `engines` are built
    from the ONNX graphs, beside them. `on_stage` is called with each of `STAGES` as it begins,
    `on_build` with the phase of an engine's build, by TensorRT's name, and its share from 0 to 1.
    Raises `ExportError`, and leaves nothing behind then.
    """
    target = Path(bundle)
    with building(target) as root:
        job = _Job(open_checkpoint(source, loras), root, precision, opset)
        engine_job = EngineJob(root, engines, job.model, on_build) if engines else None
        for name in GRAPH_NAMES:
            on_stage(f"export {name}")
            job.export(name)
        manifest = job.manifest(target.name, licence)
        write_manifest(root, manifest)
        report = list(job.half_report)
        for name in GRAPH_NAMES:
            on_stage(f"verify {name}")
            report += job.verify(name, manifest)
        check(report)
        on_stage("verify edit")
        report.append(verify_edit(root, precision, job.edit))
        check(report)
        manifest = dataclasses.replace(manifest, parity=tuple(report))
        if engine_job:
            manifest = engine_job.add(manifest, precision, on_stage)
        write_manifest(root, manifest)
    return Exported(manifest, tuple(engine_job.reports) if engine_job else ())


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle's manifest, and how its engines were built."""

    manifest: Manifest
    engines: tuple[BuildReport, ...]


class _Job:
    """One export under way: what was written, and what it must be compared with."""

    def __init__(
        self, checkpoint: Checkpoint, root: Path, precision: Precision, opset: Opset
    ) -> None:
        self._checkpoint, self._root = checkpoint, root
        self._precision, self._opset = precision, opset
        self.model = facts.model_facts(checkpoint)
        self._schedule = facts.noise_schedule(checkpoint)
        self._defaults = facts.edit_defaults(checkpoint)
        self._ports = ports_of(self.model)
        self._tokenizers = [self._write_tokenizer(*names) for names in checkpoint.texts.items()]
        self._text_length = self._common_length()
        self._variants: dict[GraphName, Variant] = {}
        self._expected: dict[GraphName, Expected] = {}
        self.half_report: list[Parity] = []
        self.edit = self._edit()
        self._preview = PreviewFit(self.model.downscale)

    def export(self, name: GraphName) -> None:
        """Load a graph's components, run it as it is, convert it, write it, forget it."""
        module = build_graph(name, self._checkpoint)
        ports = self._ports[name]
        self._expected[name] = run_eager(module, self._probe(3, 12, 16).inputs(name), ports)
        self.edit.advance(name, module)
        self._preview.advance(module)
        if name == "tick":
            reduce_timestep(module.unet)
        half = self._precision == "fp16"
        if half and name in HALF_ARITHMETIC:
            self._to_half(name, module)
        model = to_onnx(name, module, self._probe(2, 9, 11).inputs(name), ports, self._opset)
        if half and name not in HALF_ARITHMETIC:
            store_half(model)
        path = self._root / f"{name}.{self._precision}.onnx"
        data = save(model, path)
        self._variants[name] = self._variant(path, data, ports)
        del module, model
        gc.collect()  # exporters leave cycles that hold the weights

    def _to_half(self, name: GraphName, module: nn.Module) -> None:
        """Convert, and measure what float16 arithmetic costs before anything is exported.

        ONNX Runtime's CPU kernels compute chains of float16 operations in float32, where nothing
        overflows; torch does not. It is slow at that, so one request has to do.
        """
        ports, inputs = self._ports[name], self._probe(1, 12, 16).inputs(name)
        wanted = run_eager(module, inputs, ports)
        to_half(module)
        got = run_eager(module, inputs, ports).outputs
        self.half_report += compare(name, self._precision, "torch", got, wanted)
        check(self.half_report)

    def verify(self, name: GraphName, manifest: Manifest) -> list[Parity]:
        path = self._root / self._variants[name].file.path
        return verify_graph(name, path, manifest, self._precision, self._expected.pop(name))

    def manifest(self, name: str, licence: str | None) -> Manifest:
        card = self._checkpoint.path / facts.MODEL_CARD
        if card.exists():
            shutil.copyfile(card, self._root / facts.MODEL_CARD)
        first, *second = self._tokenizers
        return Manifest(
            schema_version=SCHEMA_VERSION,
            name=name,
            created_by=", ".join(
                [
                    f"retouch export, torch {torch.__version__}",
                    *(f"LoRA {lora.path.name}:{lora.weight:g}" for lora in self._checkpoint.loras),
                ]
            ),
            licence=licence or facts.licence_of(self._checkpoint),
            model=self.model,
            noise_schedule=self._schedule,
            tokenizer=first,
            tokenizer_2=second[0] if second else None,
            defaults=self._defaults,
            graphs={graph: (variant,) for graph, variant in self._variants.items()},
            parity=(),
            preview=self._preview.projection,
        )

    def _variant(self, path: Path, data: tuple[Path, ...], ports: Ports) -> Variant:
        return Variant(
            precision=self._precision,
            file=digest(self._root, path),
            data=tuple(digest(self._root, file) for file in data),
            inputs=ports.inputs,
            outputs=ports.outputs,
            built_for=None,
        )

    def _write_tokenizer(self, name: str, encoder: str) -> Tokenizer:
        tokenizer = self._checkpoint.tokenizer(name)
        text = self._checkpoint.configs[encoder]
        # A tokenizer without a length of its own states an astronomical one.
        length = min(tokenizer.model_max_length, text["max_position_embeddings"])
        file = digest(self._root, write_tokenizer(self._root, name, tokenizer))
        return Tokenizer(file, length, tokenizer.pad_token_id)

    def _common_length(self) -> int:
        """Of texts in ids: states of two encoders are put side by side."""
        lengths = [tokenizer.max_length for tokenizer in self._tokenizers]
        if len(set(lengths)) > 1:
            raise CheckpointError(
                f"the tokenizers cut texts to {' and '.join(map(str, lengths))} ids; give both the "
                "same model_max_length in tokenizer_config.json"
            )
        return lengths[0]

    def _edit(self) -> EagerEdit:
        """An edit of a picture large enough for the UNet's lowest level to be 4 x 3."""
        levels = len(self._checkpoint.configs["unet"]["block_out_channels"])
        unit = self.model.downscale * 2 ** (levels - 1)
        width = max(4, -(-_EDIT_SIDE // unit)) * unit
        pixels = picture(1, width * 3 // 4, width, torch.Generator().manual_seed(2))
        return EagerEdit(self._checkpoint, pixels, self._text_length)

    def _probe(self, requests: int, height: int, width: int) -> Probe:
        configs = self._checkpoint.configs
        return Probe(
            self.model,
            requests,
            height,
            width,
            self._text_length,
            min(configs[encoder]["vocab_size"] for encoder in self._checkpoint.texts.values()),
            1.0 if self._checkpoint.scales_pictures else 1 / configs["vae"]["scaling_factor"],
            self._schedule.continuous,
        )
