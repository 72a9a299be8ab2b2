"""What HTTP adds to an edit: a JPEG of 512 x 512 goes in, a PNG comes out, one after another.

python -m benchmarks.overhead [--bundle models/mini] [--backend fake] [--side 512] [--repeat 40]

The same edits go by turns to a server on loopback and to an engine of this process, which is
given the decoded picture and gives one. The overhead is the time of the first beyond that of the
second: upload, queueing, decoding the JPEG, encoding the PNG, and the client. Beside it stands the
time of each exchange beyond what the server's own engine took for it, and what the codecs alone
take. The fake backend is right for this: two engines that use every core would measure each other.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import typer
from PIL import Image

from benchmarks.hardware import hardware
from benchmarks.server import serving
from runtime import EditResult, EngineWorker, open_worker, read_image
from service.answer import encode
from service.media import FORM, PNG

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "models" / "examples" / "cat.jpg"
INSTRUCTION = "make it black and white"
BOUND_MS = 10.0
WARM_UP = 3
_BOUNDARY = "boundary"


def main(
    bundle: Path = Path("models/mini"),
    side: int = 512,
    steps: int = 1,
    repeat: int = 40,
    backend: str = "fake",
    port: int = 4397,
) -> None:
    """Print one JSON line, medians in milliseconds."""
    upload = _jpeg(side)
    command = [sys.executable, "-m", "retouch", "serve", "--port", str(port)]
    command += ["--bundle", str(bundle.resolve()), "--backend", backend]
    by_http, beyond_engine, direct, codecs = [], [], [], []
    with (
        tempfile.TemporaryDirectory() as home,
        serving(command, ROOT, port, BENTOML_HOME=home, RETOUCH_JOBS_DIR=home),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        worker = open_worker(bundle, backend=backend)
        for seed in range(repeat + WARM_UP):
            total, engine = _post(connection, upload, side, steps, seed)
            by_http.append(total)
            beyond_engine.append(total - engine)
            seconds, result = _direct(worker, upload, side, steps, seed)
            direct.append(seconds)
            codecs.append(_codecs(upload, result))
        worker.close()
    http_ms, beyond_ms, direct_ms, codecs_ms = (
        1000 * statistics.median(one[WARM_UP:]) for one in (by_http, beyond_engine, direct, codecs)
    )
    line = {
        "benchmark": "overhead",
        "bundle": str(bundle),
        "side": side,
        "steps": steps,
        "repeat": repeat,
        "http_ms": http_ms,
        "direct_ms": direct_ms,
        "overhead_ms": http_ms - direct_ms,
        "beyond_engine_ms": beyond_ms,
        "of_it_codecs_ms": codecs_ms,
        "bound_ms": BOUND_MS,
        **hardware(),
    }
    print(json.dumps(line))


def _jpeg(side: int) -> bytes:
    stream = io.BytesIO()
    with Image.open(EXAMPLE) as example:
        example.resize((side, side)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _post(
    connection: http.client.HTTPConnection, upload: bytes, side: int, steps: int, seed: int
) -> tuple[float, float]:
    """Seconds of the exchange, and what the engine took of them. Raises `RuntimeError`."""
    fields = {"instruction": INSTRUCTION, "max_size": side, "steps": steps, "seed": seed}
    parts = [_part(f'"{name}"', str(value).encode()) for name, value in fields.items()]
    parts += [_part('"image"; filename="a.jpg"', upload), f"--{_BOUNDARY}--\r\n".encode()]
    body = b"".join(parts)
    start = time.perf_counter()
    media_type = f"{FORM}; boundary={_BOUNDARY}"
    connection.request("POST", "/edit", body, {"Content-Type": media_type})
    answer = connection.getresponse()
    picture = answer.read()
    seconds = time.perf_counter() - start
    if answer.status != 200:
        raise RuntimeError(f"answered {answer.status}: {picture[:300]!r}")
    parts_ms = re.findall(r"dur=([\d.]+)", answer.headers["Server-Timing"])
    return seconds, sum(map(float, parts_ms)) / 1000


def _part(name: str, value: bytes) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name={name}\r\n\r\n"
    return head.encode() + value + b"\r\n"


def _direct(
    worker: EngineWorker, upload: bytes, side: int, steps: int, seed: int
) -> tuple[float, EditResult]:
    """Seconds of the same edit without HTTP, and its result; the picture is decoded before."""
    with Image.open(io.BytesIO(upload)) as image:
        image.load()
        params = worker.params(INSTRUCTION, max_size=side, steps=steps, seed=seed)
        start = time.perf_counter()
        result = worker.submit(image, params).result()
        return time.perf_counter() - start, result


def _codecs(upload: bytes, result: EditResult) -> float:
    """Seconds of reading the upload and writing the result as the service does, alone."""
    start = time.perf_counter()
    read_image(upload)
    encode(result, PNG)
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
