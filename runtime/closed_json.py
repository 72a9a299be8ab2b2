"""Dataclasses as closed JSON objects: no unknown key, no missing key, no value of another kind.

A field with a default may be left out, and is left out of what is written when it has that value.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from runtime.errors import BundleCorrupt


def plain(value: Any) -> Any:
    """What `json.dumps` takes. Fields that have their default are left out."""
    if dataclasses.is_dataclass(value):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: plain(item) for field, item in fields if item != field.default}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def parse(kind: Any, value: Any, where: str) -> Any:
    """JSON's value as `kind`: dataclass, tuple[X, ...], Mapping, union, Literal or scalar.

    `where` names the value in errors. Raises `BundleCorrupt`.
    """
    if dataclasses.is_dataclass(kind):
        return _parse_object(kind, value, where)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        _expect(isinstance(value, list), value, "a list", where)
        return tuple(parse(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        _expect(isinstance(value, dict), value, "an object", where)
        return {
            parse(args[0], k, where): parse(args[1], v, f"{where}.{k}") for k, v in value.items()
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
    required = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
    if missing := [name for name in required if name not in value]:
        raise BundleCorrupt(f"{where} lacks keys: {', '.join(missing)}")
    return kind(**{k: parse(hints[k], item, f"{where}.{k}") for k, item in value.items()})


def _parse_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if types.NoneType in kinds and value is not None:
        kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    if len(kinds) == 1:  # whose own errors say more
        return parse(kinds[0], value, where)
    for kind in kinds:
        try:
            return parse(kind, value, where)
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


def refuse_constant(name: str) -> float:
    """For `json.loads(parse_constant=...)`: NaN and infinities are no JSON. Raises `ValueError`."""
    raise ValueError(f"{name} is no JSON number")
