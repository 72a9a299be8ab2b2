"""The synchronous face of an engine: open a bundle, edit pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.content import Verdict
from runtime.engine import Engine
from runtime.errors import EditError, InvalidRequest
from runtime.manifest import Manifest
from runtime.nvidia.options import UNASKED, GpuOptions
from runtime.params import EditParams
from runtime.progress import OnStep
from runtime.provenance import Provenance, save_options
from runtime.request import Request, Status, Timings
from runtime.scheduler import Limits
from runtime.translation import Translation, open_translator, reads_english_alone


@dataclass(frozen=True, slots=True)
class EditResult:
    """A finished edit: the RGB picture, the parameters that repeat it, and what it cost.

    `bundle` is the digest of the manifest that it was made with, `pixels` uint8 [H, W, 3] are the
    picture as it was edited, shared by edits of one picture, `translation` is what its text encoder
    was given in the place of Chinese words, `content` what a content check found, where there was
    one.
    """

    image: Image.Image
    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    params: EditParams
    bundle: str
    translation: Translation | None
    ticks: int
    rows: int
    timings: Timings
    content: Verdict | None = None

    @property
    def before(self) -> Image.Image:
        """The picture as it was edited: RGB, upright, of the size of `image`."""
        return Image.fromarray(self.pixels)

    @property
    def provenance(self) -> Provenance:
        """What its file is to say about how it was made."""
        return Provenance(self.params, self.bundle, translation=self.translation)

    def save(self, target: str | Path | IO[bytes], kind: str | None = None, **options: Any) -> None:
        """Write the picture as Pillow does, with its `Provenance` in PNG, JPEG and WebP.

        `kind` is Pillow's name of the format, which a path tells by its suffix. Raises what Pillow
        raises: `OSError`, or `ValueError` for a suffix that it does not know.
        """
        if kind is None and isinstance(target, str | Path):
            kind = Image.registered_extensions().get(Path(target).suffix.lower())
        self.image.save(target, kind, **save_options(kind, self.provenance), **options)


def result_of(request: Request) -> EditResult:
    """The result of a finished request. Raises its error when it failed or was cancelled."""
    if request.status is not Status.DONE:
        assert request.error is not None
        raise request.error
    assert request.result is not None
    return EditResult(
        image=Image.fromarray(request.result),
        pixels=request.pixels,
        params=request.params,
        bundle=request.bundle,
        translation=request.translation,
        ticks=request.ticks,
        rows=request.rows,
        timings=request.timings(),
    )


def edit_params(manifest: Manifest, instruction: str, overrides: dict[str, Any]) -> EditParams:
    """`EditParams` with the bundle's calibrated defaults, then `overrides`.

    Raises `InvalidRequest` for an unknown name or a value out of bounds.
    """
    try:
        return EditParams(**{**manifest.defaults, "instruction": instruction, **overrides})
    except TypeError as exc:
        known = ", ".join(EditParams.__dataclass_fields__)
        raise InvalidRequest(f"unknown parameter in {sorted(overrides)}; known: {known}") from exc


def open_engine(
    path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    gpu: GpuOptions = UNASKED,
    limits: Limits | None = None,
    translator: Path | None = None,
) -> Engine:
    """Verify the bundle at `path` and compile it. Raises `BundleError` or `BackendError`.

    `translator` is the directory of a translation model, which is not opened for a bundle that
    reads Chinese itself.
    """
    bundle = Bundle.open(path)
    needed = reads_english_alone(bundle.manifest.model.languages)
    opened = open_translator(translator) if needed else None
    loaded = load_backend(
        backend, device=device, precision=precision, gpu=gpu, manifest=bundle.manifest
    )
    return Engine(bundle, loaded, limits, opened)


class Editor:
    """Edits pictures one call at a time; not for several threads (see `EngineWorker`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def manifest(self) -> Manifest:
        return self._engine.manifest

    def params(self, instruction: str, **overrides: Any) -> EditParams:
        """See `edit_params`; raises `InvalidRequest` too for words that cannot be translated."""
        params = edit_params(self.manifest, instruction, overrides)
        self._engine.translate(params)
        return params

    def translate(self, params: EditParams) -> Translation | None:
        """See `Engine.translate`."""
        return self._engine.translate(params)

    def edit(
        self,
        image: Image.Image,
        instruction: str,
        *,
        on_step: OnStep | None = None,
        **overrides: Any,
    ) -> EditResult:
        """Edit one picture; `overrides` are `EditParams` fields. Raises `EditError`."""
        request = self._engine.prepare(image, self.params(instruction, **overrides), on_step)
        with self._withdrawing([request]):
            self._engine.add(request)
            self._run([request])
        return result_of(request)

    def edit_many(
        self, edits: Iterable[tuple[Image.Image, EditParams]], *, on_step: OnStep | None = None
    ) -> list[EditResult | EditError]:
        """Edit pictures together, as many in a tick as fit; a result or an error for each."""
        outcomes: list[Request | EditError] = []
        requests: list[Request] = []
        with self._withdrawing(requests):
            for image, params in edits:
                try:
                    request = self._engine.prepare(image, params, on_step)
                except EditError as exc:
                    outcomes.append(exc)
                    continue
                outcomes.append(request)
                requests.append(request)
                while self._engine.full:
                    self._engine.step()
                self._engine.add(request)
            self._run(requests)
        return [_outcome(one) for one in outcomes]

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self, requests: list[Request]) -> None:
        while not all(request.finished for request in requests):
            self._engine.step()

    @contextmanager
    def _withdrawing(self, requests: list[Request]) -> Iterator[None]:
        """Leaves none of `requests` in the engine when its block is left by an exception."""
        try:
            yield
        except BaseException:  # Ctrl-C too
            for request in requests:
                request.cancelled = True
            self._engine.step()  # with every request cancelled it only drops them
            raise


def open_editor(
    path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    gpu: GpuOptions = UNASKED,
    limits: Limits | None = None,
    translator: Path | None = None,
) -> Editor:
    """Open the bundle at `path` for editing.

    `backend` is "auto" or one of `runtime.backends.base`'s; `device` "auto", "cpu", "cuda" or
    "tensorrt";
    `precision` "auto", or the precision to compute in ("fp32", "bf16", "fp16"); `gpu` what is asked
    of the GPU.
    `translator` is the directory of a CTranslate2 model for Chinese instructions; without one they
    are translated by rules. Raises `BundleError` or `BackendError`.
    """
    return Editor(
        open_engine(
            path,
            backend=backend,
            device=device,
            precision=precision,
            gpu=gpu,
            limits=limits,
            translator=translator,
        )
    )


def _outcome(outcome: Request | EditError) -> EditResult | EditError:
    if isinstance(outcome, EditError):
        return outcome
    try:
        return result_of(outcome)
    except EditError as exc:
        return exc
