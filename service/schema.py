"""The schema of `POST /edit`, derived from `EditParams`, for BentoML."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, ClassVar, Final

import bentoml
import pydantic
from PIL.Image import Image
from starlette.requests import Request

from runtime.params import EditParams

_SPECS: Final = {spec.name: spec for spec in dataclasses.fields(EditParams)}
_TYPES: Final = typing.get_type_hints(EditParams)


@dataclass(frozen=True, slots=True)
class Unread:
    """Carries the request through BentoML to the API, which is given each of `model_fields`."""

    request: Request
    model_fields: ClassVar[tuple[str, ...]] = ("request",)


class _Form(bentoml.IODescriptor):  # type: ignore[misc]  # bentoml's names are untyped
    """Schema for BentoML's clients and OpenAPI page; the body itself is read by `received`.

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
