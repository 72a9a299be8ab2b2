"""What a result picture says in its file about how it was made.

One JSON document in ASCII: in a PNG the text chunk `retouch`, in JPEG and WebP the EXIF tag
UserComment. docs/provenance.md describes it.
"""

from __future__ import annotations

import dataclasses
import io
import json
from dataclasses import dataclass
from typing import Any, Final

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from runtime.errors import InvalidRequest, UnsupportedImage
from runtime.params import EditParams
from runtime.translation import Translation
from runtime.version import VERSION

_CHUNK: Final = "retouch"
_ASCII: Final = b"ASCII\0\0\0"  # how EXIF names the character set of a UserComment
_EXIF: Final = ("JPEG", "WEBP")


@dataclass(frozen=True, slots=True)
class Provenance:
    """`params` repeat the edit, `bundle` is the digest of the manifest that it was made with.

    `translation` is what the text encoder was given, where that is not what `params` say.
    """

    params: EditParams
    bundle: str
    retouch: str = VERSION
    translation: Translation | None = None

    def asked(self) -> dict[str, Any]:
        """`EditParams` fields that repeat the edit under any translator: its words in English."""
        fields = dataclasses.asdict(self.params)
        if self.translation is not None:
            fields["instruction"] = self.translation.instruction
            fields["negative_instruction"] = self.translation.negative_instruction
        return fields

    def dumps(self) -> str:
        """Serialise to ASCII; `loads` gives an equal one back."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Provenance:
        """Parse. Raises `InvalidRequest`."""
        try:
            found = json.loads(text)
            params, told = EditParams(**found["params"]), found.get("translation")
            translation = Translation(**told) if told else None
            return cls(params, str(found["bundle"]), str(found["retouch"]), translation)
        except (ValueError, LookupError, TypeError, RecursionError) as exc:
            raise InvalidRequest(
                f"the record of the edit cannot be read ({exc!r:.100}); make the picture again"
            ) from exc


def save_options(kind: str | None, provenance: Provenance) -> dict[str, Any]:
    """What Pillow's `save` takes to write it; nothing for formats other than PNG, JPEG and WebP."""
    if kind == "PNG":
        chunks = PngInfo()
        chunks.add_text(_CHUNK, provenance.dumps())
        return {"pnginfo": chunks}
    if kind in _EXIF:
        exif = Image.Exif()
        comment = _ASCII + provenance.dumps().encode("ascii")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
        return {"exif": exif}
    return {}


def read_provenance(data: bytes) -> Provenance:
    """The record in a picture's file.

    Raises `UnsupportedImage` when `data` is no PNG, JPEG or WebP, `InvalidRequest` when it holds no
    record or one that cannot be read.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", *_EXIF)) as image:
            text = _text(image)
    except Exception as exc:  # damaged files make Pillow raise anything
        raise UnsupportedImage(f"the file cannot be read as PNG, JPEG or WebP: {exc}") from exc
    if text is None:
        raise InvalidRequest(
            "the picture holds no record of an edit; name a PNG, JPEG or WebP that Retouch wrote"
        )
    return Provenance.loads(text)


def _text(image: Image.Image) -> str | None:
    if image.format == "PNG":
        return image.info.get(_CHUNK)
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII):
        return None
    return comment.removeprefix(_ASCII).decode("ascii")
