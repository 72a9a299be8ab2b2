"""A server of its own process: how it starts, BentoML's client, and what SIGTERM does."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from service.settings import SOURCE_ROOT
from tests.service.listening import check_order, events
from tests.service.pictures import encoded, picture
from tests.service.server import BENTOML, RETOUCH, Server, environment, free_port, started


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    patient = {"RETOUCH_DRAIN_SECONDS": "600"}  # the machine may be busy
    with started(bundle, tmp_path_factory.mktemp("home"), BENTOML, **patient) as running:
        yield running


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RETOUCH_BACKEND": "openvino"}, "openvino could not compile text_encoder"),
        ({"RETOUCH_MAX_ROWS": "many"}, "environment variable RETOUCH_MAX_ROWS is 'many'"),
        pytest.param({"RETOUCH_BUNDLE": "no"}, "/no is no bundle", marks=pytest.mark.slow),
    ],
    ids=["model", "variable", "bundle"],
)
def test_what_cannot_be_served_is_told_once_and_ends_the_start(
    bundle: Path, tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    """No worker is started: BentoML would start it again for ever."""
    failed = subprocess.run(
        [sys.executable, "-m", *RETOUCH, "--port", str(free_port())],
        env=environment(bundle, tmp_path, **variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    output = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert output.count("Error: ") == output.count(told) == 1
    assert "Traceback" not in output


# In a process of its own, for it leaves a temporary folder to the garbage collector.
SDK_CALL = """
import sys
from pathlib import Path
import bentoml
with bentoml.SyncHTTPClient(sys.argv[1]) as client:
    client.edit(image=Path(sys.argv[2]), instruction='say "☃" 123', seed=7).save(sys.argv[3])
"""


def test_bentomls_own_client(server: Server, tmp_path: Path) -> None:
    source, result = tmp_path / "a.png", tmp_path / "b.png"
    source.write_bytes(encoded(picture()))
    command = [sys.executable, "-c", SDK_CALL, server.url, str(source), str(result)]
    subprocess.run(command, check=True, timeout=60)
    form = {"instruction": 'say "☃" 123', "seed": 7}
    plain = httpx2.post(f"{server.url}/edit", files={"image": source.read_bytes()}, data=form)
    assert np.array_equal(pixels(result.read_bytes()), pixels(plain.content))


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_events_arrive_while_the_edit_goes_on(server: Server) -> None:
    """Over a real connection; the client leaves in the middle, and the server takes that calmly."""
    form = {"instruction": "make it night", "max_size": 1024, "steps": 150, "preview_every": 10}
    upload = {"image": encoded(picture(1024, 1024))}
    with httpx2.stream("POST", f"{server.url}/edit/stream", files=upload, data=form) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        heard = [line for line in (next(lines) for _ in range(6)) if line.startswith("event")]
        assert heard == ["event: queued", "event: progress"]
        assert server.edits_in_engine() == 1
    while server.edits_in_engine():
        pass
    answer = httpx2.post(f"{server.url}/edit/stream", files=upload, data=form | {"steps": 2})
    told = events(answer.text)
    check_order(told)
    assert told[-1].name == "result"
    assert "Traceback" not in server.log()


def test_sigterm_finishes_what_was_accepted(server: Server) -> None:
    """The last test of this file: it ends the server."""
    upload = encoded(picture(1024, 1024))

    def edit(seed: int) -> httpx2.Response:
        return httpx2.post(
            f"{server.url}/edit",
            files={"image": upload},
            data={"instruction": "make it night", "max_size": 1024, "steps": 150, "seed": seed},
            timeout=300,
        )

    with ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(edit, seed) for seed in range(12)]
        while (accepted := server.edits_in_engine()) < 4:
            assert not all(future.done() for future in sent)
        server.process.send_signal(signal.SIGTERM)
        while (ready := httpx2.get(f"{server.url}/readyz")).status_code == 200:
            pass
        refused = edit(99)
        answers = [future.result() for future in sent]
    assert ready.json()["error"]["code"] == "service_unavailable"
    assert refused.json()["error"]["code"] == "shutting_down"
    codes = [a.json()["error"]["code"] for a in answers if a.status_code != 200]
    assert set(codes) <= {"shutting_down"}
    assert len(answers) - len(codes) >= accepted
    assert server.process.wait(timeout=300) == 0, server.log()
    assert "Traceback" not in server.log()


@pytest.mark.slow
def test_a_packed_service_is_whole_and_serves(bundle: Path, tmp_path: Path) -> None:
    """`bentoml build` and `bentoml serve retouch:latest`, somewhere else."""
    home, tools = tmp_path / "home", tmp_path / "tools"
    for folder in (home, tools):
        folder.mkdir()
    (tools / "uv").write_text("#!/bin/sh\nexit 1\n")  # else BentoML installs it, and never calls it
    (tools / "uv").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    env = environment(bundle, home, PATH=path)
    subprocess.run([sys.executable, "-m", "bentoml", "build"], cwd=SOURCE_ROOT, env=env, check=True)
    (packed,) = home.glob("bentos/retouch/*/src")
    needed = python_files(SOURCE_ROOT, "runtime/**/*.py", "service/**/*.py", "retouch.py")
    assert python_files(packed, "**/*.py") == needed
    assert (packed / "models" / "mini" / "manifest.json").is_file()
    with started(bundle, home, ["bentoml", "serve", "retouch:latest"]) as server:
        answer = httpx2.post(
            f"{server.url}/edit",
            files={"image": encoded(picture())},
            data={"instruction": "make it night"},
        )
        assert answer.status_code == 200, answer.text


def python_files(root: Path, *patterns: str) -> set[Path]:
    return {path.relative_to(root) for pattern in patterns for path in root.glob(pattern)}


def test_a_client_who_stalls_does_not_keep_a_server_from_stopping(
    bundle: Path, tmp_path: Path
) -> None:
    head = b"POST /edit HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
    head += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
    with (
        started(bundle, tmp_path, RETOUCH, RETOUCH_DRAIN_SECONDS="1") as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.sendall(head)
        assert server.stop() == 0
        client.settimeout(10)
        # Told that its upload is not wanted any more, or not: the connection ends.
        while client.recv(4096):
            pass
