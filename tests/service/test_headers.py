"""Headers for browsers, on every kind of answer, and requests from pages of other origins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from service.settings import Settings
from tests.service.calls import error_of, post

Serving = Callable[..., AbstractContextManager[TestClient]]

OURS = "https://studio.example"
KEY = {"Authorization": "Bearer k"}


@pytest.fixture(scope="module")
def shared(serving: Serving) -> Iterator[TestClient]:
    """With a key, and open to pages of one origin and a local one."""
    keys = f"k {hashlib.sha256(b'k').hexdigest()}"
    with serving(API_KEYS=keys, CORS_ORIGINS=f"{OURS}, http://localhost:5173") as running:
        yield running


def check(answer: Response) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_every_answer_has_them(client: TestClient) -> None:
    answers = [post(client), post(client, steps=0), post(client, bytes(2**21))]
    answers += [client.get(path) for path in ("/docs", "/docs.json", "/none", "/metrics", "/livez")]
    answers += [client.get("/edit"), client.post("/v1/images/edits")]
    assert {answer.status_code for answer in answers} == {200, 400, 404, 405, 413, 422}
    for answer in answers:
        check(answer)


def test_pictures_and_errors_are_not_kept_but_files_are(client: TestClient) -> None:
    for answer in (post(client), post(client, steps=0), client.get("/v1/models")):
        assert answer.headers["cache-control"] == "no-store"
    file = client.get("/static_content/swagger-ui.css")
    assert "cache-control" not in file.headers
    again = client.get(
        "/static_content/swagger-ui.css", headers={"If-None-Match": file.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_page_loads_from_this_server_alone(client: TestClient) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' blob: data:"
    assert "http" not in policy
    assert "*" not in policy


def preflight(client: TestClient, origin: str, path: str = "/edit") -> Response:
    asked = {"Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,x-stainless-lang"
    return client.options(path, headers={"Origin": origin, **asked})


def test_by_default_no_other_origin_may(client: TestClient) -> None:
    answers = [
        preflight(client, OURS),
        client.get("/v1/models", headers={"Origin": OURS}),
    ]
    assert answers[0].status_code == 405
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/edit", "/jobs", "/v1/images/edits"])
def test_pages_of_other_origins_have_nothing_done(client: TestClient, site: str, path: str) -> None:
    foreign = {"Sec-Fetch-Site": site, "Origin": "https://evil.example"}
    answer = client.post(path, headers=foreign)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_page"
    assert client.get("/about", headers=foreign).status_code == 200
    for own in ("same-origin", "none"):
        assert client.post(path, headers={"Sec-Fetch-Site": own}).status_code != 403


def test_listed_origins_may_have_edits_made(shared: TestClient) -> None:
    asked = {"Sec-Fetch-Site": "cross-site", "Origin": OURS}
    assert shared.post("/edit", headers=asked).status_code == 401  # for it has no key
    asked["Origin"] = "https://evil.example"
    assert shared.post("/edit", headers=asked).status_code == 403


@pytest.mark.parametrize("path", ["/edit", "/v1/images/edits", "/not/yet/there"])
@pytest.mark.parametrize("origin", [OURS, "http://localhost:5173"])
def test_a_preflight_needs_no_key(shared: TestClient, path: str, origin: str) -> None:
    answer = preflight(shared, origin, path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    allowed = answer.headers["access-control-allow-headers"].split(",")
    assert {"authorization", "x-stainless-lang"} <= set(allowed)
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    check(answer)


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        f"{OURS}.evil.example",
        "https://sub.studio.example",
        "null",
        OURS[:-1],
    ],
)
def test_another_origin_is_not_let_in(shared: TestClient, origin: str) -> None:
    answer = preflight(shared, origin)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    plain = post_from(shared, origin)
    assert "access-control-allow-origin" not in plain.headers
    assert plain.headers["vary"] == "Origin"


def post_from(client: TestClient, origin: str, **headers: str) -> Response:
    return client.post("/edit", headers={"Origin": origin, **headers})


def test_a_page_can_read_errors_and_results(shared: TestClient) -> None:
    refused = post_from(shared, OURS)
    assert error_of(refused, 401)
    wrong = post_from(shared, OURS, **KEY)
    assert error_of(wrong, 415)
    for answer in (refused, wrong, shared.get("/v1/models", headers={"Origin": OURS, **KEY})):
        assert answer.headers["access-control-allow-origin"] == OURS
        assert answer.headers["access-control-expose-headers"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_every_origin_may_if_that_is_asked_for(serving: Serving) -> None:
    with serving(CORS_ORIGINS="*") as client:
        for origin in (OURS, "null"):
            assert preflight(client, origin).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "origin",
    ["studio.example", f"{OURS}/", f"{OURS}/page", "https://*.example", "ftp://a", "HTTPS://A"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="RETOUCH_CORS_ORIGINS is .*without a path"):
        Settings.from_env({"RETOUCH_CORS_ORIGINS": f"https://a.example {origin}"})
