"""Our side: a bundle on ONNX Runtime's CPU provider.

python -m benchmarks.peers.ours BUNDLE
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import typer

from benchmarks.peers.work import INSTRUCTION, Done, Work, answer
from runtime import EditError, Editor, Limits, open_editor


def do(editor: Editor, work: Work) -> Done:
    """All edits at once, with two rows a step each. Raises `EditError`."""
    edits = [
        editor.params(INSTRUCTION, **edit._asdict(), image_guidance=1.0, max_size=work.size)
        for edit in work.edits
    ]
    pictures = work.pictures()
    began, busy = time.perf_counter(), time.process_time()
    results = editor.edit_many(zip(pictures, edits, strict=True))
    cpu_s = time.process_time() - busy
    finished, rows = [], 0
    for result in results:
        if isinstance(result, EditError):
            raise result
        finished.append(result.timings.queued_at + result.timings.total_s - began)
        rows += result.rows
    return Done(finished, cpu_s, rows)


def main(bundle: Path, backend: str = "ort") -> None:
    limits = Limits(max_cache_bytes=0)  # the peer encodes every picture and text anew
    with open_editor(bundle, backend=backend, limits=limits) as editor:
        answer(partial(do, editor))


if __name__ == "__main__":
    typer.run(main)
