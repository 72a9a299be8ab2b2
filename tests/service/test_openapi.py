"""The OpenAPI document says what the service does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route
from starlette.testclient import TestClient

from runtime.bundle import Bundle
from runtime.weights.difference import write_package
from service.app import web
from service.weights.description import EXAMPLE
from tests.service.pictures import PNG

Json = dict[str, Any]

PAGES = {"/", "/docs", "/docs.json"}
"""For people, or the document itself."""


@pytest.fixture(scope="module")
def client(
    serving: Callable[..., AbstractContextManager[TestClient]],
    bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TestClient]:
    """With all that an operator may switch on."""
    folder = tmp_path_factory.mktemp("weights")
    opened = Bundle.open(bundle)
    write_package(opened, opened, folder / EXAMPLE["name"])
    with serving(MAX_UPLOAD_MB=1, WEIGHTS_DIR=folder) as running:
        yield running


@pytest.fixture(scope="module")
def document(client: TestClient) -> Json:
    found: Json = client.get("/docs.json").json()
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def check_answer(document: Json, operation: Json, response: Response) -> None:
    """Status and body are among those that the operation names."""
    told = operation["responses"][str(response.status_code)]
    media_type = response.headers["content-type"].partition(";")[0]
    schema = told["content"][media_type]["schema"]
    if media_type == "application/json":
        whole = {**schema, "components": document["components"]}
        Draft202012Validator(whole).validate(response.json())


def test_the_document_is_valid(document: Json) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described(document: Json) -> None:
    described = {(path, method.upper()) for path, method, _ in operations(document)}
    routes = [route for route in web.routes if isinstance(route, Route)]
    served = {
        (route.path.replace(":path", ""), method)
        for route in routes
        if route.path not in PAGES
        for method in (route.methods or set()) - {"HEAD"}
    }
    own = {("/edit", "POST"), ("/livez", "GET"), ("/readyz", "GET")}  # BentoML's
    assert described == served | own


def test_every_operation_has_a_name_of_its_own(document: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_the_examples_run(client: TestClient, document: Json) -> None:
    ran = 0
    for path, method, operation in operations(document):
        if "requestBody" not in operation:
            continue
        body = operation["requestBody"]["content"]["application/json"]
        Draft202012Validator(body["schema"]).validate(body["example"])
        response = client.request(method, path, json=body["example"])
        assert response.is_success, response.text
        check_answer(document, operation, response)
        ran += 1
    assert ran >= 2


@pytest.mark.parametrize("path", ["/edit", "/edit/stream", "/v1/images/edits"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {"steps": "0"}, "files": {"image": PNG}},
        {"data": {"n": "99"}, "files": {"image": PNG}},
        {"files": {"image": b"no picture"}},
        {"files": {"image": bytes(2**21)}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"text", "headers": {"Content-Type": "text/plain"}},
        {"files": {"image": PNG}, "headers": {"Accept": "text/html"}},
    ],
    ids=["steps", "n", "image", "large", "json", "type", "accept"],
)
def test_refusals_are_described(client: TestClient, document: Json, path: str, wrong: Json) -> None:
    text = "prompt" if path.startswith("/v1/") else "instruction"
    if "files" in wrong:
        wrong = wrong | {"data": {text: "make it night", **wrong.get("data", {})}}
    response = client.post(path, **wrong)
    assert response.is_error or path == "/v1/images/edits"
    check_answer(document, document["paths"][path]["post"], response)


def test_bounds_and_defaults_are_those_of_the_service(document: Json) -> None:
    content = document["paths"]["/edit"]["post"]["requestBody"]["content"]
    for body in content.values():
        properties = body["schema"]["properties"]
        assert properties["steps"]["minimum"] == 1
        assert properties["steps"]["maximum"] == 150
        assert properties["n"]["maximum"] == 8
        assert "ddim" in properties["sampler"]["enum"]
        assert body["schema"]["required"] == ["image", "instruction"]


def test_the_console_reads_the_document(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    scripts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    assert len(scripts) == 3
    for script in scripts:
        assert client.get(f"/{script}").status_code == 200
    assert "docs.json" in client.get("/static_content/swagger-initializer.js").text
    assert "http" not in page.text.replace("the HTTP interface", "")  # nothing from elsewhere
