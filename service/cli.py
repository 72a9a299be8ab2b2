"""The commands `retouch serve` and `retouch key`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.backends.base import BACKEND_NAMES
from service.guard.keys import new_key
from service.settings import EMBEDDED, SOURCE_ROOT


def _option(variable: str, doc: str) -> Any:
    return typer.Option(envvar=f"RETOUCH_{variable}", help=doc)


def serve(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="TCP port")] = 3000,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    bundle: Annotated[Path, _option("BUNDLE", "bundle directory")] = EMBEDDED,
    backend: Annotated[str, _option("BACKEND", ", ".join(BACKEND_NAMES))] = "auto",
    device: Annotated[str, _option("DEVICE", "auto, cpu, cuda or tensorrt")] = "auto",
    precision: Annotated[str, _option("PRECISION", "auto, fp32, bf16 or fp16")] = "auto",
    cuda_graphs: Annotated[
        bool, _option("CUDA_GRAPHS", "run each shape as one recorded CUDA graph")
    ] = False,
    gpu_memory: Annotated[
        int, _option("GPU_MEMORY_MB", "bound for each graph of the bundle; 0 is none")
    ] = 0,
) -> None:
    """Start the HTTP service that docs/http.md describes."""
    _check_free(host, port)
    settings = {
        "RETOUCH_BUNDLE": str(bundle.absolute()),
        "RETOUCH_BACKEND": backend,
        "RETOUCH_DEVICE": device,
        "RETOUCH_PRECISION": precision,
        "RETOUCH_CUDA_GRAPHS": str(int(cuda_graphs)),
        "RETOUCH_GPU_MEMORY_MB": str(gpu_memory),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "service.app:EditService"]
    command += ["--port", str(port), "--host", host, "--working-dir", str(SOURCE_ROOT)]
    os.execve(sys.executable, command, {**os.environ, **settings})


def key(name: Annotated[str, typer.Argument(help="whose key it is, for the log")]) -> None:
    """Make an API key: print it, and the line for the file that RETOUCH_API_KEYS_FILE names."""
    try:
        token, line = new_key(name)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    typer.echo(f"key, shown this once:  {token}")
    typer.echo(f"line for the server:   {line}")


def _check_free(host: str, port: int) -> None:
    """A port in use is told at once, not when the model has been loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as exc:
        raise typer.BadParameter(
            f"{host}:{port} cannot be listened on ({exc.strerror}); give another --port or --host"
        ) from exc
