"""A backend without an inference library, for tests and for trying a service out.

It honours the contract of every graph, reads no graph file, and computes each row on its own, so
a result is bit-equal whatever its neighbours. Its model "sees" the denoised picture at once: the
image latents, shifted in brightness by the mean of the text states, with a little of the noise that
is still there. An edit is therefore the input, brighter or darker by an amount that depends on the
instruction and the guidance scales, with a grain that depends on seed, sampler and steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from runtime.backends.base import Array, Arrays, Graph
from runtime.built_for import Machine
from runtime.errors import BackendFailure
from runtime.manifest import GraphName, Manifest, Model, Precision
from runtime.nvidia.options import GpuOptions
from runtime.ports import ports_of

_GRAIN: Final = np.float32(0.1)


class FakeBackend:
    """Serves any valid manifest."""

    name = "fake"
    device = "cpu"
    precision = "fp32"
    stored: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    machine: Machine | None = None

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        return FakeGraph(graph, manifest.model)


class FakeGraph:
    """One of the four graphs, in numpy."""

    def __init__(self, name: GraphName, model: Model) -> None:
        self._name = name
        self._model = model

    def run(self, inputs: Arrays) -> dict[str, Array]:
        taken = {port.name for port in ports_of(self._model)[self._name].inputs}
        if inputs.keys() != taken:
            raise BackendFailure(f"{self._name} takes {taken}, not {set(inputs)}")
        try:
            return _GRAPHS[self._name](self._model, inputs)
        except (IndexError, ValueError) as exc:
            raise BackendFailure(f"fake could not run {self._name}: {exc!r}") from exc

    def close(self) -> None:
        pass


def _text_encoder(model: Model, inputs: Arrays) -> dict[str, Array]:
    encoded = [np.sin(ids.astype(np.float32)) for ids in inputs.values()]  # [T, L] each
    states = 0.1 * np.mean(encoded, axis=0)[..., None]
    outputs = {"text": np.repeat(states, model.text_width, axis=2)}
    if model.pooled_width is not None:
        outputs["pooled"] = np.repeat(states.mean(axis=1), model.pooled_width, axis=1)
    return outputs


def _image_encoder(model: Model, inputs: Arrays) -> dict[str, Array]:
    image = inputs["image"].astype(np.float32) / 127.5 - 1  # [B, H, W, 3]
    batch, height, width, _ = image.shape
    f = model.downscale
    pooled = image.reshape(batch, height // f, f, width // f, f, 3).mean(axis=(2, 4))
    channels = np.arange(model.latent_channels) % 3
    return {"latent": np.ascontiguousarray(pooled[..., channels].transpose(0, 3, 1, 2))}


def _image_decoder(model: Model, inputs: Arrays) -> dict[str, Array]:
    latent = inputs["latent"]  # [B, C, h, w]
    channels = np.arange(3) % model.latent_channels
    image = latent[:, channels].repeat(model.downscale, axis=2).repeat(model.downscale, axis=3)
    pixels = np.clip(np.nan_to_num(image) * 127.5 + 128, 0, 255).astype(np.uint8)
    return {"image": pixels.transpose(0, 2, 3, 1), "mean": image.mean(axis=(1, 2, 3))}


def _tick(model: Model, inputs: Arrays) -> dict[str, Array]:
    x, mix, coef = inputs["x"], inputs["mix"], inputs["coef"][..., None, None, None]
    slot = inputs["row_slot"]
    c_in, p, q, a, b, c, d = (coef[:, i] for i in range(7))  # each [B, 1, 1, 1]
    shift = inputs["text"][inputs["row_text"]].mean(axis=(1, 2))  # [R]
    seen = inputs["image"][slot] * inputs["row_image"][:, None, None, None]
    grain = _GRAIN * np.clip(c_in * x, -1, 1)
    denoised_rows = seen + shift[:, None, None, None] + grain[slot]
    rows = (denoised_rows - p[slot] * x[slot]) / q[slot]  # what a real model would return
    out = inputs["stale"].copy()
    for request, row in zip(*np.nonzero(mix), strict=True):
        out[request] += mix[request, row] * rows[row]
    denoised = p * x + q * out
    following = a * x + b * denoised + c * inputs["history"] + d * inputs["noise"]
    return {"next": following, "denoised": denoised, "rows": rows}


_GRAPHS: Final[dict[GraphName, Callable[[Model, Arrays], dict[str, Array]]]] = {
    "text_encoder": _text_encoder,
    "image_encoder": _image_encoder,
    "image_decoder": _image_decoder,
    "tick": _tick,
}


def open_backend(device: str, precision: str, gpu: GpuOptions) -> FakeBackend:
    """Any device, precision and options will do."""
    return FakeBackend()
