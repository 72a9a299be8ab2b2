"""Calling the service, and reading its answers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from tests.service.pictures import PNG


def post(client: TestClient, image: bytes = PNG, **fields: Any) -> Response:
    data = {"instruction": "make it night", **fields}
    return client.post("/edit", files={"image": ("a.png", image)}, data=data)


def error_of(response: Response, status: int) -> dict[str, str]:
    """Every error is one envelope, with the request id of the header."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    error: dict[str, str] = body["error"]
    assert set(error) - {"field"} == {"code", "message", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["message"]
    return error


def pixels(response: Response) -> np.ndarray[Any, Any]:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)))
