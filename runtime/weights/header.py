"""The description that a package begins with: a closed JSON document, and its checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, Any, Final

from runtime.closed_json import parse, plain, refuse_constant
from runtime.errors import BundleCorrupt, BundleIncompatible
from runtime.manifest import Manifest

VERSION: Final = 1
MAGIC: Final = b"RETOUCHW"
AGAIN: Final = "copy or export the package again"
_LENGTH: Final = 8  # bytes of the number that says how long the JSON is
_MOST: Final = 16 * 2**20  # bytes of JSON


@dataclass(frozen=True, slots=True)
class Range:
    """`length` bytes of a file from its byte `start` on."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Patch:
    """What changed in the file at `path` of the base: `ranges` that rise and do not overlap."""

    path: str
    ranges: tuple[Range, ...]

    def __post_init__(self) -> None:
        end = 0
        for one in self.ranges:
            if one.length < 1 or one.start < end:
                raise BundleCorrupt(
                    f"range {one.start} + {one.length} of {self.path} does not follow byte {end}; "
                    f"{AGAIN}"
                )
            end = one.end


@dataclass(frozen=True, slots=True)
class Header:
    """`base` is the digest of the base's manifest, `manifest` that of the bundle that is made.

    The bytes of all ranges follow the header, in its order.
    """

    version: int
    base: str
    patches: tuple[Patch, ...]
    manifest: Manifest

    def __post_init__(self) -> None:
        tokenizers = {tokenizer.file.path for tokenizer in self.manifest.tokenizers()}
        graphs = {file.path for file in self.manifest.files()} - tokenizers
        paths = [patch.path for patch in self.patches]
        if len(set(paths)) < len(paths) or not graphs.issuperset(paths):
            raise BundleCorrupt(
                f"its patches {paths!r:.200} are not of one graph file each; {AGAIN}"
            )

    @property
    def size(self) -> int:
        """Bytes of all ranges."""
        return sum(one.length for patch in self.patches for one in patch.ranges)


def write_header(stream: IO[bytes], header: Header) -> None:
    text = json.dumps(plain(header), allow_nan=False).encode()
    stream.write(MAGIC + len(text).to_bytes(_LENGTH, "little") + text)


def read_header(stream: IO[bytes]) -> Header:
    """Leaves `stream` at the first range's bytes.

    Raises `BundleCorrupt`, or `BundleIncompatible` for another version.
    """
    if stream.read(len(MAGIC)) != MAGIC:
        raise BundleCorrupt(f"it is no weights package; {AGAIN}")
    length = int.from_bytes(stream.read(_LENGTH), "little")
    if length > _MOST:
        raise BundleCorrupt(f"its header has {length} bytes, at most {_MOST} are read; {AGAIN}")
    text = stream.read(length)
    if len(text) < length:
        raise BundleCorrupt(f"it ends within its header, of {length} bytes; {AGAIN}")
    return _parse(text)


def _parse(text: bytes) -> Header:
    try:
        data: Any = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise BundleCorrupt(f"its header is not JSON ({exc!r:.100}); {AGAIN}") from exc
    if not isinstance(data, dict):
        raise BundleCorrupt(f"its header is {type(data).__name__}, not an object; {AGAIN}")
    if data.get("version") != VERSION:
        raise BundleIncompatible(
            f"it has version {data.get('version')!r:.20}, this runtime reads {VERSION}; "
            "export the package again"
        )
    header: Header = parse(Header, data, "the header")
    return header
