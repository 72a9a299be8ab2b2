"""`RETOUCH_LOG=json`: lines that programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.logs import FORMATS
from service.settings import Settings
from tests.service.pictures import PNG
from tests.service.server import RETOUCH, started


def test_every_exchange_is_one_json_object(bundle: Path, tmp_path: Path) -> None:
    with started(bundle, tmp_path, RETOUCH, RETOUCH_LOG="json") as server:
        before = len(server.log().splitlines())
        form = {"instruction": "make it night", "seed": 7}
        answers = [
            httpx2.post(f"{server.url}/edit", files={"image": PNG}, data=data)
            for data in (form, form | {"steps": 0})
        ]
    lines: list[dict[str, Any]] = [json.loads(one) for one in server.log().splitlines()[before:]]
    edited, refused = (one for one in lines if "request_id" in one)
    assert [edited["request_id"], refused["request_id"]] == [
        answer.headers["x-request-id"] for answer in answers
    ]
    for line, status, code in ((edited, 200, "ok"), (refused, 422, "invalid_request")):
        assert (line["status"], line["code"]) == (status, code)
        assert (line["route"], line["method"], line["level"]) == ("/edit", "POST", "INFO")
        assert line["seconds"] >= 0
        assert line["time"].startswith("20")
    assert edited["edit"]["seed"] == "7"
    assert "edit" not in refused


def test_text_is_the_default_and_other_formats_are_refused() -> None:
    assert Settings.from_env({}).log == FORMATS[0] == "text"
    with pytest.raises(ValueError, match="RETOUCH_LOG is 'xml'; set it to one of text, json"):
        Settings.from_env({"RETOUCH_LOG": "xml"})
