"""A bundle for the fake backend: a valid manifest and tokenizer, graph files without content."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as HfTokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from runtime.bundle import Bundle
from runtime.manifest import (
    GRAPH_NAMES,
    MANIFEST_FILE,
    SCHEMA_VERSION,
    File,
    Manifest,
    Model,
    NoiseSchedule,
    Tokenizer,
    Variant,
)
from runtime.ports import ports_of
from runtime.projection import Projection

WORDS = ["make", "it", "night", "sepia", "brighter", "darker", "invert", "remove", "the", "car"]


def write_fake_bundle(path: Path, **model: Any) -> Path:
    """Write the bundle into the new directory `path`; `model` overrides fields of `Model`."""
    path.mkdir(parents=True)
    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = HfTokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path / "tokenizer.json"))
    for name in GRAPH_NAMES:
        (path / f"{name}.onnx").write_bytes(name.encode())
    facts: dict[str, Any] = {
        "latent_channels": 4,
        "downscale": 8,
        "size_multiple": 8,
        "text_width": 16,
        "prediction_type": "epsilon",
        "languages": ("en",),
    }
    spec = Tokenizer(file_of(path, "tokenizer.json"), max_length=16, pad_token_id=0)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name="fake",
        created_by="tests",
        licence="Apache-2.0",
        model=Model(**{**facts, **model}),
        noise_schedule=scaled_linear(),
        tokenizer=spec,
        tokenizer_2=dataclasses.replace(spec, pad_token_id=1) if "pooled_width" in model else None,
        defaults={"steps": 4, "max_size": 64},
        graphs={
            name: (
                Variant(
                    "fp32", file_of(path, f"{name}.onnx"), (), ports.inputs, ports.outputs, None
                ),
            )
            for name, ports in ports_of(Model(**{**facts, **model})).items()
        },
        parity=(),
        preview=red_green_blue(facts | model),
    )
    (path / MANIFEST_FILE).write_text(manifest.dumps())
    return path


def with_tick(path: Path, tick: bytes, **facts: Any) -> Bundle:
    """Change the graph `tick` of the bundle at `path`, and `facts` of its manifest."""
    (path / "tick.onnx").write_bytes(tick)
    manifest = Manifest.loads((path / MANIFEST_FILE).read_text())
    first, *others = manifest.graphs["tick"]
    graph = dataclasses.replace(first, file=file_of(path, "tick.onnx"))
    facts = {"name": path.name, **facts}
    manifest = dataclasses.replace(
        manifest, graphs={**manifest.graphs, "tick": (graph, *others)}, **facts
    )
    (path / MANIFEST_FILE).write_text(manifest.dumps())
    return Bundle.open(path)


def red_green_blue(model: dict[str, Any]) -> Projection:
    """What the fake decoder does: the first channels are red, green and blue in [-1, 1]."""
    channels = range(model["latent_channels"])
    matrix = tuple(tuple(0.5 * (c == colour) for colour in range(3)) for c in channels)
    return Projection(matrix, (0.5, 0.5, 0.5))


def scaled_linear(
    steps: int = 1000, low: float = 0.00085, high: float = 0.012, **options: Any
) -> NoiseSchedule:
    """Stable Diffusion's noise schedule."""
    alphas, product = [], 1.0
    for i in range(steps):
        product *= 1 - (low**0.5 + (high**0.5 - low**0.5) * i / (steps - 1)) ** 2
        alphas.append(product)
    settings: dict[str, Any] = {
        "timestep_spacing": None,
        "steps_offset": 1,
        "set_alpha_to_one": False,
    }
    return NoiseSchedule(tuple(alphas), **{**settings, **options})


def file_of(root: Path, name: str) -> File:
    return File(name, hashlib.sha256((root / name).read_bytes()).hexdigest())
