"""The bundle's manifest: a closed JSON document. docs/bundle-format.md is its specification.

Closed means that an unknown key, a missing key or a value of the wrong kind is an error; whatever
is not written here is not known about a bundle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from runtime.errors import BundleCorrupt, BundleIncompatible

SCHEMA_VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"

GraphName = Literal["text_encoder", "image_encoder", "tick", "image_decoder"]
GRAPH_NAMES: Final[tuple[GraphName, ...]] = typing.get_args(GraphName)
Precision = Literal["fp32", "fp16", "int8"]
PredictionType = Literal["epsilon", "v_prediction", "sample"]
EngineLibrary = Literal["tensorrt", "tensorrt-rtx"]
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
class BuiltFor:
    """What an engine is tied to: a library, its version, and GPUs by compute capability ("8.6";
    none: those that the library chose). `any_version` and `any_gpu` loosen the last two to later
    ones."""

    library: EngineLibrary
    version: str
    compute: tuple[str, ...]
    any_version: bool
    any_gpu: bool

    def __str__(self) -> str:
        later = " or later" if self.any_version else ""
        gpus = f"compute {', '.join(self.compute)}" if self.compute else "GPUs of its own choice"
        return f"{self.library} {self.version}{later} on {gpus}{' or later' * self.any_gpu}"


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
    """

    alphas_cumprod: tuple[float, ...]
    timestep_spacing: TimestepSpacing | None
    steps_offset: int
    set_alpha_to_one: bool

    def __post_init__(self) -> None:
        values = self.alphas_cumprod
        if len(values) < 2 or not all(0 <= v < 1 for v in values):
            raise BundleCorrupt("alphas_cumprod must hold at least 2 numbers in [0, 1)")
        if any(later > earlier for earlier, later in zip(values, values[1:], strict=False)):
            raise BundleCorrupt("alphas_cumprod must not increase")
        _within("steps_offset", self.steps_offset, 0, len(values) - 1)


@dataclass(frozen=True, slots=True)
class Model:
    """Facts of the model that the runtime needs.

    `latent_channels` C and `downscale` (image pixels per latent pixel and side) give the latent's
    shape [C, H / downscale, W / downscale]; image sides are multiples of `size_multiple` pixels.
    `languages` are those that the text encoder was trained on (ISO 639-1).
    """

    latent_channels: int
    downscale: int
    size_multiple: int
    text_width: int
    prediction_type: PredictionType
    languages: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("latent_channels", "downscale", "size_multiple", "text_width"):
            _within(name, getattr(self, name), 1, 2**16)
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
    """All that is known about a bundle. `defaults` are `EditParams` fields calibrated for it."""

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

    def __post_init__(self) -> None:
        if missing := [name for name in GRAPH_NAMES if not self.graphs.get(name)]:
            raise BundleCorrupt(f"the manifest has no {', '.join(missing)} graph")

    def files(self) -> tuple[File, ...]:
        """Every file that the manifest names, the manifest itself excepted."""
        variants = [variant for name in GRAPH_NAMES for variant in self.graphs[name]]
        graphs = [file for variant in variants for file in (variant.file, *variant.data)]
        return (self.tokenizer.file, *graphs)

    def dumps(self) -> str:
        """Serialise; `loads` gives an equal manifest back."""
        return json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False) + "\n"

    def digest(self) -> str:
        """SHA-256 of the manifest's file, which holds the digests of all other files: 64 hex digits
        that stand for the bundle.
        """
        return hashlib.sha256(self.dumps().encode()).hexdigest()

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """Parse. Raises `BundleCorrupt`, or `BundleIncompatible` for another schema version."""
        try:
            data = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise BundleCorrupt(f"{MANIFEST_FILE} is not JSON: {exc}") from exc
        if not isinstance(data, dict):
            raise BundleCorrupt(f"{MANIFEST_FILE} holds {type(data).__name__}, not an object")
        if data.get("schema_version") != SCHEMA_VERSION:
            raise BundleIncompatible(
                f"bundle has schema_version {data.get('schema_version')!r}, this runtime reads "
                f"{SCHEMA_VERSION}; export the checkpoint again"
            )
        manifest: Manifest = _parse(cls, data, "manifest")
        return manifest


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BundleCorrupt(f"{name} {value:.6g} is not in [{low}, {high}]")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _parse(kind: Any, value: Any, where: str) -> Any:
    """Parsed JSON as `kind`: dataclass, tuple[X, ...], Mapping, union, Literal or scalar."""
    if dataclasses.is_dataclass(kind):
        return _parse_object(kind, value, where)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        _expect(isinstance(value, list), value, "a list", where)
        return tuple(_parse(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        _expect(isinstance(value, dict), value, "an object", where)
        return {
            _parse(args[0], k, where): _parse(args[1], v, f"{where}.{k}") for k, v in value.items()
        }
    if origin is Literal:
        _expect(value in args, value, f"one of {args}", where)
        return value
    if origin in (types.UnionType, typing.Union):
        return _parse_union(args, value, where)
    return _parse_scalar(kind, value, where)


def _parse_object(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), value, "an object", where)
    hints = typing.get_type_hints(kind)
    if unknown := sorted(value.keys() - hints.keys()):
        raise BundleCorrupt(f"{where} has unknown keys: {', '.join(unknown)}")
    if missing := [name for name in hints if name not in value]:
        raise BundleCorrupt(f"{where} lacks keys: {', '.join(missing)}")
    return kind(**{k: _parse(hint, value[k], f"{where}.{k}") for k, hint in hints.items()})


def _parse_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return _parse(kind, value, where)
        except BundleCorrupt:
            continue
    return _expect(False, value, " or ".join(str(kind) for kind in kinds), where)


def _parse_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        _expect(value.bit_length() <= 64, value, "a number of this size", where)
        value = float(value)
    _expect(type(value) is kind, value, getattr(kind, "__name__", str(kind)), where)
    _expect(not isinstance(value, float) or math.isfinite(value), value, "finite", where)
    return value


def _expect(ok: bool, value: Any, what: str, where: str) -> None:
    if not ok:
        raise BundleCorrupt(f"{where} is {value!r:.60}, not {what}")
