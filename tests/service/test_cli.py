"""What `retouch serve` hands on to BentoML, and what it refuses before."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from service.cli import serve

app = typer.Typer()
app.command()(serve)


@pytest.fixture
def handed_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of the server that would have been started."""
    found: dict[str, str] = {}
    monkeypatch.setattr(os, "execve", lambda path, arguments, env: found.update(env))
    return found


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, arguments, env=variables)


def test_a_relative_bundle_is_where_the_operator_stands(
    handed_on: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--port", str(free_port()), RETOUCH_BUNDLE="by-variable").exit_code == 0
    assert handed_on["RETOUCH_BUNDLE"] == str(tmp_path / "by-variable")
    assert run("--port", str(free_port()), "--bundle", "by-option").exit_code == 0
    assert handed_on["RETOUCH_BUNDLE"] == str(tmp_path / "by-option")


def test_what_is_asked_of_the_gpu_is_handed_on(handed_on: dict[str, str]) -> None:
    port = ("--port", str(free_port()))
    assert run(*port, "--cuda-graphs", RETOUCH_GPU_MEMORY_MB="100").exit_code == 0
    assert handed_on["RETOUCH_CUDA_GRAPHS"] == "1"
    assert handed_on["RETOUCH_GPU_MEMORY_MB"] == "100"
    assert run(*port, RETOUCH_CUDA_GRAPHS="1").exit_code == 0
    assert handed_on["RETOUCH_CUDA_GRAPHS"] == "1"
    assert run(*port, RETOUCH_CUDA_GRAPHS="").exit_code == 0
    assert (handed_on["RETOUCH_CUDA_GRAPHS"], handed_on["RETOUCH_GPU_MEMORY_MB"]) == ("0", "0")


def test_a_port_in_use_is_told_at_once(handed_on: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("--port", port)
    assert refused.exit_code == 2
    assert port in refused.output
    assert not handed_on


@pytest.mark.parametrize("port", ["0", "65536", "many"])
def test_what_is_no_port_is_refused(handed_on: dict[str, str], port: str) -> None:
    assert run("--port", port).exit_code == 2
    assert not handed_on


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
