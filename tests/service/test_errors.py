"""Every failure becomes the one envelope, through the gate, and tells no secrets."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from runtime import errors as runtime_errors
from runtime.errors import EditError, Overloaded
from service import app
from service.errors import KINDS, kind_of

Serving = Callable[..., AbstractContextManager[TestClient]]
SECRET = "/srv/secret/model.onnx"


def make(kind: type[Exception]) -> Exception:
    return kind(SECRET, 2.3) if issubclass(kind, Overloaded) else kind(SECRET)


RUNTIME_ERRORS = [
    kind
    for _, kind in inspect.getmembers(runtime_errors, inspect.isclass)
    if issubclass(kind, EditError) and kind is not EditError
]
STATUS = {
    "InvalidRequest": 422,
    "UnsupportedImage": 415,
    "Overloaded": 429,
    "OutOfMemory": 503,
    "WeightsChanging": 409,
    "ShuttingDown": 503,
    "Cancelled": 503,
    "BundleError": 500,
    "BundleNotFound": 500,
    "BundleCorrupt": 500,
    "BundleIncompatible": 500,
    "BackendError": 500,
    "BackendUnavailable": 500,
    "BackendFailure": 500,
    "NonFinite": 500,
}
TOLD = {
    "InvalidRequest",
    "UnsupportedImage",
    "Overloaded",
    "OutOfMemory",
    "WeightsChanging",
    "ShuttingDown",
    "Cancelled",
    "NonFinite",
}


async def broken(request: Request) -> Response:
    names = {kind.__name__: kind for kind in RUNTIME_ERRORS}
    raise make(names.get(request.query_params["kind"], RuntimeError))


async def foreign(request: Request) -> Response:
    return PlainTextResponse(SECRET, int(request.query_params["status"]))


async def http_exception(request: Request) -> Response:
    raise HTTPException(418, SECRET)


async def half(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("torn")

    return StreamingResponse(chunks())


@pytest.fixture(scope="module")
def client(serving: Serving) -> Iterator[TestClient]:
    routes = [
        Route("/broken", broken),
        Route("/foreign", foreign),
        Route("/http", http_exception),
        Route("/half", half),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.web.router, "routes", [*app.web.routes, *routes])
        with serving() as running:
            yield running


def test_every_error_of_the_runtime_is_decided() -> None:
    """A new error must be placed in the table, not fall through to the last line."""
    assert {kind.__name__ for kind in RUNTIME_ERRORS} == set(STATUS)
    for kind in RUNTIME_ERRORS:
        base = next(base for base in kind.__mro__ if base in KINDS)
        assert issubclass(base, EditError), f"{kind.__name__} has no line in the table"


def test_codes_are_distinct_for_distinct_statuses() -> None:
    statuses: dict[str, set[int]] = {}
    for kind in KINDS.values():
        statuses.setdefault(kind.code, set()).add(kind.status)
    assert all(len(found) == 1 for found in statuses.values())


@pytest.mark.parametrize("name", [*STATUS, "anything else"])
def test_a_failure_becomes_the_envelope(client: TestClient, name: str) -> None:
    response = client.get("/broken", params={"kind": name})
    assert response.status_code == STATUS.get(name, 500)
    error = response.json()["error"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert (SECRET in response.text) == (name in TOLD)
    assert ("retry-after" in response.headers) == (response.status_code in (429, 503))


def test_retry_after_is_whole_seconds_rounded_up(client: TestClient) -> None:
    headers = client.get("/broken", params={"kind": "Overloaded"}).headers
    assert headers["retry-after"] == "3"


@pytest.mark.parametrize("status", [400, 404, 413, 429, 500, 502, 503, 504])
def test_an_error_response_of_a_library_is_replaced(client: TestClient, status: int) -> None:
    response = client.get("/foreign", params={"status": status})
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert SECRET not in response.text


def test_an_http_exception_has_the_envelope_too(client: TestClient) -> None:
    response = client.get("/http")
    assert response.status_code == 418
    assert response.json()["error"]["code"] == "im_a_teapot"


def test_what_breaks_half_way_cuts_the_connection(client: TestClient) -> None:
    with pytest.raises(RuntimeError, match="torn"):
        client.get("/half")


def test_an_internal_error_is_logged_with_its_trace_and_request_id(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/broken", params={"kind": "BackendFailure"})
    record = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert response.headers["x-request-id"] in record.getMessage()
    assert record.exc_info
    assert SECRET in str(record.exc_info[1])


def test_a_client_who_left_is_no_server_error() -> None:
    assert kind_of(ClientDisconnect()).status == 499
