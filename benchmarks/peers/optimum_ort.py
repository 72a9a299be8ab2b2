"""The side of optimum: its image-to-image pipeline on ONNX Runtime's CPU provider.

Runs in an environment of its own (optimum.txt), whose packages cannot lie beside ours.

python -m benchmarks.peers.optimum_ort versions
python -m benchmarks.peers.optimum_ort export CHECKPOINT MODEL
python -m benchmarks.peers.optimum_ort answer MODEL
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from optimum.onnxruntime import ORTStableDiffusionImg2ImgPipeline

from benchmarks.peers.work import INSTRUCTION, Done, Work, answer, equal

_PACKAGES = ("optimum-onnx", "optimum", "transformers", "diffusers", "torch", "onnxruntime")


def do(pipeline: Any, work: Work) -> Done:
    """In one batch when the edits differ in nothing but the seed, else one after another.

    A call of the pipeline has one number of steps and one scale. At strength 1 it takes every step,
    from nothing but noise, after encoding the picture.
    """
    pictures = work.pictures()
    rows, forward = 0, pipeline.unet.forward

    def counted(sample: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        nonlocal rows
        rows += len(sample)
        return forward(sample, *arguments, **named)

    pipeline.unet.forward = counted
    pairs = list(zip(work.edits, pictures, strict=True))
    finished: list[float] = []
    began, busy = time.perf_counter(), time.process_time()
    for batch in [pairs] if equal(work.edits) else [[pair] for pair in pairs]:
        edits = [edit for edit, _ in batch]
        pipeline(
            prompt=[INSTRUCTION] * len(batch),
            image=[picture for _, picture in batch],
            strength=1.0,
            num_inference_steps=edits[0].steps,
            guidance_scale=edits[0].text_guidance,
            generator=[torch.Generator().manual_seed(edit.seed) for edit in edits],
        )
        finished += [time.perf_counter() - began] * len(batch)
    pipeline.unet.forward = forward
    return Done(finished, time.process_time() - busy, rows)


def main(command: str, *paths: str) -> None:
    match command:
        case "versions":
            print(json.dumps({package: version(package) for package in _PACKAGES}))
        case "export":
            checkpoint, model = paths
            exported = ORTStableDiffusionImg2ImgPipeline.from_pretrained(checkpoint, export=True)
            exported.save_pretrained(model)
        case "answer":
            pipeline = ORTStableDiffusionImg2ImgPipeline.from_pretrained(*paths)
            pipeline.set_progress_bar_config(disable=True)
            answer(partial(do, pipeline))


if __name__ == "__main__":
    main(*sys.argv[1:])
