"""Odd and hostile uploads against a running server: a right picture or a right refusal, never 5xx.

python -m benchmarks.hostile [--count 500] [--port 3997]
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import httpx2
import numpy as np
import typer
from PIL import Image

from benchmarks.hardware import hardware
from benchmarks.hostile_files import Upload, uploads
from benchmarks.server import serving

ROOT: Final = Path(__file__).resolve().parent.parent
_LIKE_DB: Final = 15.0
"""An edit that is to keep the picture: below this it is another one (turned, inverted, empty)."""


def main(count: int = 500, port: int = 3997) -> None:
    """Print what was wrong, then one JSON line; exit with 1 when anything was."""
    command = [sys.executable, "retouch.py", "serve", "--port", str(port)]
    statuses: Counter[int] = Counter()
    wrong = 0
    with serving(command, ROOT, port) as server, httpx2.Client(timeout=120) as client:
        for upload in uploads(count):
            form = {"instruction": "keep it as it is", "seed": "1", "max_size": "160"}
            answer = client.post(f"{server.url}/edit", files={"image": upload.data}, data=form)
            statuses[answer.status_code] += 1
            if complaint := _complaint(upload, answer):
                wrong += 1
                print(f"{upload.kind}: {complaint}")
        alive = client.get(f"{server.url}/readyz").status_code == 200
        peak = server.scale.peak_gib
    line = {
        "benchmark": "hostile",
        "uploads": statuses.total(),
        "statuses": {str(status): statuses[status] for status in sorted(statuses)},
        "wrong": wrong,
        "ready_after": alive,
        "peak_gib": round(peak, 2),
        **hardware(),
    }
    print(json.dumps(line))
    raise typer.Exit(int(wrong > 0 or not alive))


def _complaint(upload: Upload, answer: httpx2.Response) -> str:
    """What is wrong with the answer; empty when nothing is."""
    if answer.status_code not in upload.statuses:
        return f"{answer.status_code} instead of {sorted(upload.statuses)}: {answer.text[:200]}"
    if answer.status_code != 200:
        error = answer.json()["error"]
        return "" if error["message"] and error["request_id"] else "no message"
    image = Image.open(io.BytesIO(answer.content)).convert("RGB")
    if upload.shown is None:
        return ""
    shown = upload.shown.convert("RGB").resize(image.size, Image.Resampling.LANCZOS)
    if abs(math.log(_aspect(image) / _aspect(upload.shown))) > 0.1:
        return f"{image.size} of {upload.shown.size}"
    error = np.asarray(image, float) - np.asarray(shown, float)
    psnr = 10 * math.log10(255**2 / max(float(np.mean(error**2)), 1e-9))
    return "" if psnr >= _LIKE_DB else f"another picture ({psnr:.1f} dB)"


def _aspect(image: Image.Image) -> float:
    return image.width / image.height


if __name__ == "__main__":
    typer.run(main)
