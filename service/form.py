"""The body of `POST /edit`: its schema, derived from `EditParams`, and its parser."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import typing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, BinaryIO, ClassVar, Final

import bentoml
import pydantic
from PIL.Image import Image
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from runtime.errors import InvalidRequest
from runtime.params import EditParams
from service.errors import MALFORMED, NOT_MULTIPART, SLOW_UPLOAD, HttpError

_SPECS: Final = {spec.name: spec for spec in dataclasses.fields(EditParams)}
_TYPES: Final = typing.get_type_hints(EditParams)
_MAX_PART: Final = 64 * 1024  # bytes; the longest instruction, escaped as JSON, needs 12 KB
_MAX_VALUE: Final = 40  # characters of a number or a name


@dataclass(frozen=True, slots=True)
class Unread:
    """Carries the request through BentoML to the API, which is given each of `model_fields`."""

    request: Request
    model_fields: ClassVar[tuple[str, ...]] = ("request",)


class _Form(bentoml.IODescriptor):  # type: ignore[misc]  # bentoml's names are untyped
    """Schema for BentoML's clients and OpenAPI page; the body itself is read by `read_form`.

    BentoML's own parser answers 500 to bad pictures, fetches URLs and takes the instruction `123`
    for a number, and an exception raised in here would be answered by BentoML in a shape of its
    own. So nothing is read here.
    """

    image: Annotated[Image, pydantic.Field(description="the picture, as a file")]

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        return Unread(request)


def _schema_of(spec: dataclasses.Field[Any]) -> Any:
    """Type and default of a schema field; what is left out has the model's own default."""
    kind: Any = _TYPES[spec.name]
    about: dict[str, Any] = {"description": spec.metadata["doc"]}
    if bounds := spec.metadata.get("bounds"):
        low, high = ("min_length", "max_length") if kind is str else ("ge", "le")
        number = float if kind is float else int
        about |= {low: number(bounds.low), high: number(bounds.high)}
    annotated: Any = Annotated[kind, pydantic.Field(**about)]
    required = spec.default is MISSING and spec.default_factory is MISSING
    return (annotated, ...) if required else (annotated | None, None)


EditForm: Final[type[bentoml.IODescriptor]] = pydantic.create_model(
    "EditForm", __base__=_Form, **{name: _schema_of(spec) for name, spec in _SPECS.items()}
)


@asynccontextmanager
async def read_form(
    request: Request, seconds: float
) -> AsyncIterator[tuple[BinaryIO, dict[str, Any]]]:
    """The uploaded file, and the parameters given, typed but not yet held against their bounds.

    The file is open for as long as the context is; what is large lies on disk. Raises `HttpError`
    when the body is no multipart form or is not here after `seconds`, `InvalidRequest` for a wrong
    field.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise HttpError(
            NOT_MULTIPART, f"the body is {media_type or 'of no type'}; send multipart/form-data"
        )
    try:
        async with asyncio.timeout(seconds):
            form = await _parse(request)
    except TimeoutError as exc:
        raise HttpError(
            SLOW_UPLOAD, f"the body did not arrive in {seconds:g} s; send a smaller file"
        ) from exc
    try:
        _check_names(form)
        image = form["image"]
        if not isinstance(image, UploadFile):
            raise InvalidRequest("image is text; upload the file itself (URLs are not fetched)")
        yield image.file, _parameters(form)
    finally:
        await form.close()


async def _parse(request: Request) -> FormData:
    try:
        return await request.form(max_files=2, max_fields=4 * len(_SPECS), max_part_size=_MAX_PART)
    except HTTPException as exc:
        raise HttpError(MALFORMED, f"the multipart body cannot be read: {exc.detail}") from exc
    except (ValueError, LookupError) as exc:  # a character set that nothing can be decoded with
        raise HttpError(MALFORMED, "the multipart body cannot be decoded; send UTF-8") from exc


def _check_names(form: FormData) -> None:
    names = [name for name, _ in form.multi_items()]
    for name in names:
        if name != "image" and name not in _SPECS:
            known = ", ".join(("image", *_SPECS))
            raise InvalidRequest(f"field {name!r:.60} is unknown; known: {known}")
        if names.count(name) > 1:
            raise InvalidRequest(f"{name} is given {names.count(name)} times; give it once")
    for name in ("image", "instruction"):
        if name not in names:
            raise InvalidRequest(f"{name} is missing; give it")


def _parameters(form: FormData) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, part in form.items():
        if name == "image":
            continue
        if isinstance(part, UploadFile):
            raise InvalidRequest(f"{name} is a file; send it as text")
        value = _value(name, _text(name, part))
        if value is not None:
            given[name] = value
    return given


def _text(name: str, raw: str) -> str:
    """BentoML's client sends strings as JSON, curl and browsers as they are: take both."""
    text = raw
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        with contextlib.suppress(ValueError):
            text = json.loads(raw)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidRequest(f"{name} holds half a surrogate pair; send whole characters")
    return text


def _value(name: str, text: str) -> Any:
    """The text as the parameter's type; None when it is absent: JSON null, or an empty input."""
    kind = _TYPES[name]
    if name == "instruction":
        return text
    if text in ("", "null"):
        return None
    if kind is str:
        return text
    what = {int: "whole number", float: "number"}.get(kind, "name")
    if len(text) > _MAX_VALUE:
        raise InvalidRequest(f"{name} has {len(text)} characters, which is no {what}; give one")
    if what == "name":
        return text
    try:
        return kind(text)
    except ValueError as exc:
        raise InvalidRequest(f"{name} {text!r} is no {what}; give one") from exc
