"""The bundle's manifest: a closed JSON document. docs/bundle-format.md is its specification.

Closed means that an unknown key, a missing key or a value of the wrong kind is an error; whatever
is not written here is not known about a bundle. Only a field with a default may be left out.
"""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from runtime.built_for import BuiltFor
from runtime.closed_json import parse, plain, refuse_constant
from runtime.errors import BundleCorrupt, BundleIncompatible
from runtime.projection import Projection

SCHEMA_VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"

GraphName = Literal["text_encoder", "image_encoder", "tick", "image_decoder"]
GRAPH_NAMES: Final[tuple[GraphName, ...]] = typing.get_args(GraphName)
Precision = Literal["fp32", "fp16", "int8"]
PredictionType = Literal["epsilon", "v_prediction", "sample"]
TimestepSpacing = Literal["linspace", "leading", "trailing"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the bundle: POSIX path relative to the bundle, and the SHA-256 of its content."""

    path: str
    sha256: str

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        outside = path.is_absolute() or ".." in path.parts
        if not path.parts or outside or set(self.path) & {"\\", "\0"}:
            raise BundleCorrupt(f"path {self.path!r} is not inside the bundle; export it again")
        if len(self.sha256) != 64 or not set(self.sha256) <= set("0123456789abcdef"):
            raise BundleCorrupt(f"sha256 {self.sha256!r} of {self.path} is not 64 hex digits")


@dataclass(frozen=True, slots=True)
class Port:
    """Input or output of a graph. A dimension is its size, or its name when it is dynamic."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One compiled form of a graph.

    `built_for` tells what an engine is tied to; None = portable ONNX.
    `data` are the external-data files that the graph file refers to.
    """

    precision: Precision
    file: File
    data: tuple[File, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    built_for: BuiltFor | None


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """The training noise schedule.

    `alphas_cumprod` holds the product of (1 - beta) up to each training timestep, so that any beta
    schedule is served alike. The rest are the options that samplers read (diffusers' names);
    `timestep_spacing` None leaves it to the sampler.

    A `continuous` schedule (EDM, Karras et al. 2022) has every level between two: those are all of
    `alphas_cumprod`, and the model is told ln(sigma) / 4 in the place of a timestep.
    """

    alphas_cumprod: tuple[float, ...]
    timestep_spacing: TimestepSpacing | None
    steps_offset: int
    set_alpha_to_one: bool
    continuous: bool = False

    def __post_init__(self) -> None:
        values = self.alphas_cumprod
        if len(values) < 2 or not all(0 <= v < 1 for v in values):
            raise BundleCorrupt("alphas_cumprod must hold at least 2 numbers in [0, 1)")
        if any(later > earlier for earlier, later in zip(values, values[1:], strict=False)):
            raise BundleCorrupt("alphas_cumprod must not increase")
        if self.continuous and not (len(values) == 2 and values[0] > values[1] > 0):
            raise BundleCorrupt("alphas_cumprod of a continuous schedule are its two ends, above 0")
        _within("steps_offset", self.steps_offset, 0, len(values) - 1)


@dataclass(frozen=True, slots=True)
class Model:
    """Facts of the model that the runtime needs.

    `latent_channels` C and `downscale` (image pixels per latent pixel and side) give the latent's
    shape [C, H / downscale, W / downscale]; image sides are multiples of `size_multiple` pixels.
    `languages` are those that the text encoder was trained on (ISO 639-1).

    Models like Stable Diffusion XL also take the pooled text, of width `pooled_width` (None: they
    do not), and the picture's size. With `zero_empty_text` an empty negative instruction stands for
    states of zeros, not for the encoded empty text.
    """

    latent_channels: int
    downscale: int
    size_multiple: int
    text_width: int
    prediction_type: PredictionType
    languages: tuple[str, ...]
    pooled_width: int | None = None
    zero_empty_text: bool = False

    def __post_init__(self) -> None:
        for name in ("latent_channels", "downscale", "size_multiple", "text_width"):
            _within(name, getattr(self, name), 1, 2**16)
        if self.pooled_width is not None:
            _within("pooled_width", self.pooled_width, 1, 2**16)
        if self.size_multiple % self.downscale:
            raise BundleCorrupt(
                f"size_multiple {self.size_multiple} is no multiple of downscale {self.downscale}"
            )


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Hugging Face `tokenizers` file, and how its output is cut and padded to `max_length` ids."""

    file: File
    max_length: int
    pad_token_id: int

    def __post_init__(self) -> None:
        _within("max_length", self.max_length, 1, 2**16)
        _within("pad_token_id", self.pad_token_id, 0, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Parity:
    """One measured line of the parity report: a graph, or one whole `edit`, against float32 torch.

    Errors are absolute, in the units of the output; `bound` is what export held `max_error` to
    (None: reported only).
    """

    graph: GraphName | Literal["edit"]
    precision: Precision
    backend: str
    output: str
    max_error: float
    mean_error: float
    bound: float | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known about a bundle. `defaults` are `EditParams` fields calibrated for it.

    `tokenizer_2` is that of the second text encoder, which models with pooled text have. `preview`
    makes small pictures of latents; None: a bundle from before it was fitted.
    """

    schema_version: int
    name: str
    created_by: str
    licence: str
    model: Model
    noise_schedule: NoiseSchedule
    tokenizer: Tokenizer
    defaults: Mapping[str, int | float | str]
    graphs: Mapping[GraphName, tuple[Variant, ...]]
    parity: tuple[Parity, ...]
    tokenizer_2: Tokenizer | None = None
    preview: Projection | None = None

    def __post_init__(self) -> None:
        if missing := [name for name in GRAPH_NAMES if not self.graphs.get(name)]:
            raise BundleCorrupt(f"the manifest has no {', '.join(missing)} graph")
        if (self.tokenizer_2 is None) != (self.model.pooled_width is None):
            raise BundleCorrupt("tokenizer_2 and pooled_width go together; export the bundle again")
        if len(lengths := {tokenizer.max_length for tokenizer in self.tokenizers()}) > 1:
            raise BundleCorrupt(f"max_length of the tokenizers differs: {sorted(lengths)}")
        channels = self.model.latent_channels
        if self.preview is not None and len(self.preview.matrix) != channels:
            raise BundleCorrupt(
                f"preview has {len(self.preview.matrix)} channels, the latents have {channels}"
            )

    def tokenizers(self) -> tuple[Tokenizer, ...]:
        """One for each input of the text encoder, in their order."""
        second = self.tokenizer_2
        return (self.tokenizer,) if second is None else (self.tokenizer, second)

    def files(self) -> tuple[File, ...]:
        """Every file that the manifest names, the manifest itself excepted."""
        variants = [variant for name in GRAPH_NAMES for variant in self.graphs[name]]
        graphs = [file for variant in variants for file in (variant.file, *variant.data)]
        return (*(tokenizer.file for tokenizer in self.tokenizers()), *graphs)

    def dumps(self) -> str:
        """Serialise; `loads` gives an equal manifest back."""
        return json.dumps(plain(self), indent=1, allow_nan=False) + "\n"

    def digest(self) -> str:
        """SHA-256 of the manifest's file, which holds the digests of all other files: 64 hex digits
        that stand for the bundle.
        """
        return hashlib.sha256(self.dumps().encode()).hexdigest()

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """Parse. Raises `BundleCorrupt`, or `BundleIncompatible` for another schema version."""
        try:
            data = json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise BundleCorrupt(f"{MANIFEST_FILE} is not JSON: {exc}") from exc
        if not isinstance(data, dict):
            raise BundleCorrupt(f"{MANIFEST_FILE} holds {type(data).__name__}, not an object")
        if data.get("schema_version") != SCHEMA_VERSION:
            raise BundleIncompatible(
                f"bundle has schema_version {data.get('schema_version')!r}, this runtime reads "
                f"{SCHEMA_VERSION}; export the checkpoint again"
            )
        manifest: Manifest = parse(cls, data, "manifest")
        return manifest


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BundleCorrupt(f"{name} {value:.6g} is not in [{low}, {high}]")
