"""Runs the four graphs for requests: encode, tick, decode."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.backends.base import Array, Arrays, Backend
from runtime.bundle import Bundle
from runtime.cache import Cache, Encoded, digest
from runtime.errors import BackendFailure, EditError, NonFinite
from runtime.graphs import Graphs
from runtime.guidance import Branch, rescale
from runtime.manifest import GraphName
from runtime.ports import ports_of
from runtime.request import Floats, Latents, Request, Status, TextStates
from runtime.text import TextTokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the UNet batch: the branch of the request in `slot` of the tick."""

    slot: int
    branch: Branch
    weight: float


class Runner:
    """The only place that turns requests into graph inputs and outputs back into requests.

    Errors of one request, foreseen or not, are recorded on it (`status`, `error`) and never raised,
    so that its neighbours go on.
    """

    def __init__(self, bundle: Bundle, backend: Backend, cache: Cache) -> None:
        """Compile all graphs; the cache is the runner's alone from here on.

        Raises `BundleError` or `BackendError`.
        """
        self._model = bundle.manifest.model
        self._ports = ports_of(self._model)
        self._tokenizers = [
            TextTokenizer(bundle.tokenizer_path(spec), spec)
            for spec in bundle.manifest.tokenizers()
        ]
        self._computes = f"{backend.name} in {backend.precision}"
        self._graphs = Graphs(bundle, backend)
        self.built_for = self._graphs.built_for
        self._cache = cache

    def close(self) -> None:
        self._graphs.close()

    def replace_weights(self, weights: Bundle | None) -> None:
        """See `Graphs.replace_weights`; to be called while no request runs."""
        self._graphs.replace_weights(weights)
        self._cache.forget()

    def encode(self, request: Request) -> None:
        """Text states, image latents and initial noise of a request that joins."""
        request.mark("joined")
        request.status = Status.RUNNING
        try:
            full, negative = (self._encode_text(text, request) for text in request.words)
            image = self._encode_image(request)
        except Exception as exc:
            _fail(request, exc)
            return
        request.texts = {Branch.FULL: full, Branch.IMAGE: negative, Branch.NULL: negative}
        x = request.rng.draw(image.shape) * np.float32(request.table.init_scale)
        request.latents = Latents(image, x, np.zeros_like(x), np.zeros_like(x))
        _draw_step_noise(request)
        request.mark("encoded")

    def tick(self, requests: Sequence[Request]) -> int:
        """Move requests of one size by one step each; returns the number of rows evaluated.

        When the whole batch fails, each request is run alone, so that only those fail that cannot
        run by themselves.
        """
        rows = [
            Row(slot, branch, weight)
            for slot, request in enumerate(requests)
            for branch, weight in request.weights().items()
        ]
        try:
            outputs = self._graphs.run("tick", self._tick_inputs(requests, rows))
        except Exception as exc:
            if len(requests) > 1:
                return sum(self.tick([request]) for request in requests if not request.cancelled)
            _fail(requests[0], exc)
            return 0
        for slot, request in enumerate(requests):
            following, denoised = outputs["next"][slot], outputs["denoised"][slot]
            own = {row.branch: outputs["rows"][i] for i, row in enumerate(rows) if row.slot == slot}
            self._advance(request, *_rescaled(request, own, following, denoised))
            request.rows += len(own)
        return len(rows)

    def decode(self, request: Request) -> None:
        """The picture of a request that has taken its last step."""
        assert request.latents is not None
        inputs = {"latent": request.latents.x}
        try:
            decoded = self._run_one("image_decoder", inputs, "the decoded picture", request)
        except Exception as exc:
            _fail(request, exc)
            return
        request.result = decoded["image"]
        request.latents = None
        request.status = Status.DONE
        request.mark("decoded")

    def _encode_text(self, text: str, request: Request) -> TextStates:
        ports = self._ports["text_encoder"].inputs
        ids = {
            port.name: tokenizer.encode(text)
            for port, tokenizer in zip(ports, self._tokenizers, strict=True)
        }
        zero = self._model.zero_empty_text and not text

        def encode() -> TextStates:
            states = self._run_one("text_encoder", ids, "the encoded text", request)
            return {name: np.zeros_like(state) if zero else state for name, state in states.items()}

        return self._cache.get(digest("no text" if zero else "text", *ids.values()), encode)

    def _encode_image(self, request: Request) -> Floats:
        inputs = {"image": request.pixels}

        def encode() -> Encoded:
            return self._run_one("image_encoder", inputs, "the encoded picture", request)

        return self._cache.get(digest("image", request.pixels), encode)["latent"]

    def _run_one(
        self, name: GraphName, inputs: Arrays, where: str, request: Request
    ) -> dict[str, Array]:
        """Outputs for one text or picture, without the axis of the batch. Raises `NonFinite`."""
        outputs = self._graphs.run(name, {port: value[None] for port, value in inputs.items()})
        for output in outputs.values():
            self._check(output, where, request)
        return {port: output[0] for port, output in outputs.items()}

    def _tick_inputs(self, requests: Sequence[Request], rows: Sequence[Row]) -> dict[str, Array]:
        latents = [request.latents for request in requests if request.latents is not None]
        row_text, texts = _distinct([requests[row.slot].texts[row.branch] for row in rows])
        mix = np.zeros((len(requests), len(rows)), np.float32)
        for index, row in enumerate(rows):
            mix[row.slot, index] = row.weight
        steps = [request.table.timesteps[request.step] for request in requests]
        x = np.stack([one.x for one in latents])
        height, width = requests[0].size
        given = {
            "x": x,
            "history": np.stack([one.history for one in latents]),
            "noise": np.stack([one.noise for one in latents]),
            "image": np.stack([one.image for one in latents]),
            "stale": np.zeros_like(x),
            **{name: np.stack([text[name] for text in texts]) for name in texts[0]},
            "row_slot": np.array([row.slot for row in rows], np.int32),
            "row_text": row_text,
            "row_image": np.array([row.branch is not Branch.NULL for row in rows], np.float32),
            "timestep": np.array([steps[row.slot] for row in rows], np.float32),
            "mix": mix,
            # The picture as trained on, where it was cropped (nowhere), the picture as wanted.
            "time_ids": np.array([[height, width, 0, 0, height, width]] * len(rows), np.float32),
            "coef": np.stack([r.table.coef[r.step] for r in requests]).astype(np.float32),
        }
        return {port.name: given[port.name] for port in self._ports["tick"].inputs}

    def _advance(self, request: Request, following: Floats, denoised: Floats) -> None:
        assert request.latents is not None
        try:
            self._check(following, f"step {request.step + 1} of {request.table.steps}", request)
        except NonFinite as exc:
            _fail(request, exc)
            return
        request.latents.x, request.latents.history = following, denoised
        request.step += 1
        request.ticks += 1
        if request.step == request.table.steps:
            request.mark("denoised")
        else:
            _draw_step_noise(request)

    def _check(self, values: Array, where: str, request: Request) -> None:
        if not np.isfinite(values).all():
            raise NonFinite(
                f"{where} is not finite, computed by {self._computes} with text_guidance "
                f"{request.params.text_guidance:g} and image_guidance "
                f"{request.params.image_guidance:g}; try precision fp32, or lower scales"
            )


def _fail(request: Request, exc: Exception) -> None:
    request.status, request.latents = Status.FAILED, None
    request.error = as_edit_error(exc, f"edit {request.id}")


def as_edit_error(exc: Exception, what: str) -> EditError:
    """What a caller is told of any failure; one that was not foreseen goes to the log."""
    if isinstance(exc, EditError):
        return exc
    log.error("%s failed unexpectedly", what, exc_info=exc)
    error = BackendFailure(f"{what} failed unexpectedly: {exc!r}")
    error.__cause__ = exc
    return error


def _rescaled(
    request: Request, rows: Mapping[Branch, Floats], following: Floats, denoised: Floats
) -> tuple[Floats, Floats]:
    """`following` and `denoised` [C, h, w] after guidance rescale; both are linear in the mix."""
    phi = request.params.guidance_rescale
    if phi == 0.0:
        return following, denoised
    change = rescale(phi, request.weights(), rows)
    _, _, q, _, b, _, _ = map(float, request.table.coef[request.step])
    return following + b * q * change, denoised + q * change


def _draw_step_noise(request: Request) -> None:
    assert request.latents is not None
    if request.table.draws_noise(request.step):
        request.latents.noise = request.rng.draw(request.latents.x.shape)
    else:
        request.latents.noise = np.zeros_like(request.latents.x)


def _distinct(states: Sequence[TextStates]) -> tuple[Array, list[TextStates]]:
    """Index of each state among the distinct ones, [R], and those; cached states are one object."""
    found: dict[int, tuple[int, TextStates]] = {}
    index = [found.setdefault(id(state), (len(found), state))[0] for state in states]
    return np.array(index, np.int32), [state for _, state in found.values()]
