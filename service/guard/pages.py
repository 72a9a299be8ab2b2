"""Requests that a browser sends for a page of another site."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers

from service.errors import FOREIGN_PAGE, HttpError

_OWN: Final = ("same-origin", "none")  # of this server's page, or of the person who types


def check_page(headers: Headers, origins: Collection[str]) -> None:
    """Raises `HttpError` 403 for a page whose origin is not one of `origins`.

    Without CORS a browser keeps the answer from such a page, yet it sends a form's request: any
    page that somebody opens could fill the queue of the server on their own machine. Browsers say
    whose page it is where the server is reached by HTTPS or on localhost; programs say nothing.
    """
    site = headers.get("sec-fetch-site", "none")
    if site in _OWN or "*" in origins or headers.get("origin", "") in origins:
        return
    raise HttpError(
        FOREIGN_PAGE,
        f"a page of {headers.get('origin', 'another origin')!r:.100} sent this; "
        "RETOUCH_CORS_ORIGINS would have to list it",
    )
