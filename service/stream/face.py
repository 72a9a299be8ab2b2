"""The face `/edit/stream`: the fields of `/edit`, and how often a preview is wanted."""

from __future__ import annotations

import dataclasses
from typing import Final

from runtime.errors import InvalidRequest
from runtime.params import EditParams
from service.edit import EDIT
from service.errors import NOT_ACCEPTABLE, HttpError
from service.face import Asked, Face, Fields, Vocabulary, variations
from service.media import JSON
from service.reading.accept import preferred
from service.stages import check_whole

MEDIA_TYPE: Final = "text/event-stream"
MOST_STEPS: Final = int(EditParams.__dataclass_fields__["steps"].metadata["bounds"].high)
VOCABULARY: Final = Vocabulary(
    {**EDIT.vocabulary.types, "preview_every": int}, EDIT.vocabulary.required
)


def stream_face(previews: bool) -> Face:
    """`previews` says whether the server makes them."""

    def ask(fields: Fields, accept: str) -> Asked:
        """See `Face`. The answer, which is the last event, is that of `/edit` as JSON."""
        if preferred(accept, [MEDIA_TYPE]) is None:
            raise HttpError(NOT_ACCEPTABLE, f"{accept!r:.100} cannot be given; accept {MEDIA_TYPE}")
        params = dict(fields.values)
        every = params.pop("preview_every", 0)
        check_whole("preview_every", every, 0, MOST_STEPS)
        if every and not previews:
            raise InvalidRequest(
                f"preview_every {every} cannot be given: this server makes no preview, because its "
                "bundle is from before them, or because it checks the content of results; give 0"
            )
        return Asked(params, JSON, variations(fields.n), preview_every=every)

    return dataclasses.replace(EDIT, vocabulary=VOCABULARY, ask=ask)
