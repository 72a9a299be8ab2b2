"""The memory that serving a bundle takes: started, after one edit, and under many large uploads.

python -m benchmarks.memory [--bundle models/mini] [--size 512] [--steps 4] [--edits 8]
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import typer
from PIL import Image

from benchmarks.hardware import hardware
from benchmarks.server import Server, serving

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 3600  # for one edit: memory is measured here, on a machine that may be busy


def main(
    bundle: Path = Path("models/mini"),
    size: int = 512,
    steps: int = 4,
    edits: int = 8,
    upload_side: int = 8000,
    backend: str = "auto",
    port: int = 3998,
) -> None:
    """Print one JSON line: seconds of each part, and the peak of all processes after it, in GiB.

    The single edit is of a picture of `size` pixels, the `edits` at once are of JPEGs of
    `upload_side` pixels a side; all are edited at `size` with three rows a step.
    """
    command = [sys.executable, "-m", "retouch", "serve", "--port", str(port)]
    command += ["--bundle", str(bundle.resolve()), "--backend", backend]
    with (
        tempfile.TemporaryDirectory() as home,
        serving(
            command,
            ROOT,
            port,
            BENTOML_HOME=home,
            RETOUCH_JOBS_DIR=home,
            RETOUCH_TIMEOUT_SECONDS=str(PATIENCE_S),
        ) as server,
    ):
        peaks, seconds = {"ready": server.scale.peak_gib}, {"ready": server.ready_s}
        for name, count, upload in (
            ("one", 1, _picture(size)),
            ("together", edits, _picture(upload_side)),
        ):
            began = time.perf_counter()
            _edit(server, [upload] * count, {"max_size": size, "steps": steps})
            seconds[name] = time.perf_counter() - began
            peaks[name] = server.scale.peak_gib
    line = {
        "benchmark": "memory",
        "bundle": str(bundle),
        "size": size,
        "steps": steps,
        "edits_together": edits,
        "upload_side": upload_side,
        "upload_mib": len(upload) / 2**20,
        "seconds": seconds,
        "peak_gib": peaks,
        **hardware(),
    }
    print(json.dumps(line), flush=True)


def _edit(server: Server, uploads: list[bytes], fields: dict[str, int]) -> None:
    """Edit all uploads at once, with both guidance scales. Raises `RuntimeError`."""
    form = {**fields, "instruction": "make it night", "text_guidance": 7.5, "image_guidance": 1.5}

    def edit(upload: bytes) -> httpx2.Response:
        files = {"image": upload}
        return httpx2.post(f"{server.url}/edit", data=form, files=files, timeout=PATIENCE_S)

    with ThreadPoolExecutor(len(uploads)) as pool:
        for answer in pool.map(edit, uploads):
            if answer.status_code != 200:
                raise RuntimeError(f"answered {answer.status_code}: {answer.text[:300]}")


def _picture(side: int) -> bytes:
    """A JPEG of soft noise, square."""
    coarse = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((side, side)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


if __name__ == "__main__":
    typer.run(main)
