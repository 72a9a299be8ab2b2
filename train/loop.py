"""The training loop of every stage: budget, learning rate, average of weights, exact resume.

Processes with one thread each share a step: on a busy machine two such processes were faster than
one with two threads. accelerate joins them, and decides device and precision.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from train.optimizers import build_optimizers

Loss = Callable[["Progress"], Tensor]
Sheet = Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train and how fast. ``minutes`` or ``steps`` bounds the run, ``steps`` first.

    Only a run bounded by ``steps`` repeats to the bit: by ``minutes`` the learning rate follows
    the clock.
    """

    learning_rate: float
    minutes: float = 0.0
    steps: int = 0
    warmup_steps: int = 100
    constant_share: float = 0.5
    weight_decay: float = 0.01
    average: float = 0.999
    clip_norm: float = 1.0
    save_seconds: float = 120.0

    def done(self, step: int, elapsed: float) -> float:
        """Share of the budget that is spent, 0..1."""
        return step / self.steps if self.steps else min(1.0, elapsed / (60 * self.minutes))

    def rate(self, step: int, done: float) -> float:
        """Learning rate: linear warm-up, constant, then half a cosine down to 2 %."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        tail = max(0.0, (done - self.constant_share) / (1 - self.constant_share))
        return self.learning_rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * tail)) / 2)


@dataclass(slots=True)
class Progress:
    """Where a run is. ``rank`` and ``world`` say which share of each step this process computes."""

    step: int = 0
    elapsed: float = 0.0
    done: float = 0.0
    rank: int = 0
    world: int = 1

    def share(self, batch: int) -> range:
        """Sample numbers of this process's part of the step (``batch`` over all processes)."""
        each = batch // self.world
        start = self.step * batch + self.rank * each
        return range(start, start + each)


class WeightAverage:
    """Exponential moving average of a module's parameters, quick to follow at first."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = [p.detach().clone() for p in module.parameters()]

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for value, parameter in zip(self.values, module.parameters(), strict=True):
            value.lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        for value, parameter in zip(self.values, module.parameters(), strict=True):
            parameter.copy_(value)


class Trainer:
    """Runs a loss on ``module`` until the schedule is spent, or goes on with a run that was
    interrupted. ``folder`` holds what that takes (``resume.pt``), the log (``log.jsonl``) and
    TensorBoard's files. ``hidden`` are the parameters that Muon takes."""

    def __init__(
        self,
        module: nn.Module,
        schedule: Schedule,
        folder: Path,
        accelerator: Accelerator,
        hidden: Sequence[nn.Parameter] = (),
    ) -> None:
        self.module = module.to(accelerator.device)
        self.schedule = schedule
        self.folder = folder
        self.accelerator = accelerator
        self.progress = Progress(rank=accelerator.process_index, world=accelerator.num_processes)
        self.average = WeightAverage(module, schedule.average)
        self.gradients = flat_gradients(module)
        self.optimizers = build_optimizers(
            module, hidden, schedule.learning_rate, schedule.weight_decay
        )
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def run(
        self, loss: Loss, report: Callable[[str], None] = print, sheet: Sheet | None = None
    ) -> None:
        """Trains to the end of the budget. ``sheet`` paints a picture ``[3, H, W]`` in 0..1 with
        the averaged weights, shown in TensorBoard at every save."""
        before = self.progress.elapsed
        start = saved = time.monotonic()
        meter = _Meter(self.folder, report)
        self.module.train()
        while self._agree_on_done() < 1.0:
            value = self._step(loss)
            now = time.monotonic()
            self.progress.elapsed = before + now - start
            if self.accelerator.is_main_process:
                meter.add(value, self.progress, self.schedule)
                if now - saved > self.schedule.save_seconds:
                    self._save()
                    if sheet is not None:
                        meter.show(self._averaged(sheet), self.progress.step)
                    saved = time.monotonic()
        if self.accelerator.is_main_process:
            self._save()
        self.average.copy_to(self.module)

    def _averaged(self, sheet: Sheet) -> Tensor:
        """What ``sheet`` paints with the averaged weights in place of the current ones."""
        current = [parameter.detach().clone() for parameter in self.module.parameters()]
        self.average.copy_to(self.module.eval())
        painted = sheet()
        with torch.no_grad():
            for parameter, value in zip(self.module.parameters(), current, strict=True):
                parameter.copy_(value)
        self.module.train()
        return painted

    def _agree_on_done(self) -> float:
        """The first process's clock counts, so that all stop at the same step."""
        done = self.schedule.done(self.progress.step, self.progress.elapsed)
        if self.progress.world > 1:
            done = float(broadcast(torch.tensor([done], dtype=torch.float64)))
        self.progress.done = done
        return done

    def _step(self, loss: Loss) -> Tensor:
        rate = self.schedule.rate(self.progress.step, self.progress.done)
        for group in (group for one in self.optimizers for group in one.param_groups):
            group["lr"] = rate
        self.gradients.zero_()
        with self.accelerator.autocast():
            value = loss(self.progress)
        self.accelerator.backward(value)
        if self.progress.world > 1:
            dist.all_reduce(self.gradients)
            self.gradients /= self.progress.world
        # Nothing here asks for a number of the device's: a GPU would wait for this process.
        self.gradients *= (self.schedule.clip_norm / (self.gradients.norm() + 1e-6)).clamp(max=1)
        for optimizer in self.optimizers:
            optimizer.step()
        self.progress.step += 1
        self.average.update(self.module, self.progress.step)
        return value.detach()

    def _save(self) -> None:
        state = {
            "module": self.module.state_dict(),
            "average": self.average.values,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.progress.step,
            "elapsed": self.progress.elapsed,
        }
        scratch = self.folder / "resume.pt.new"
        torch.save(state, scratch)
        os.replace(scratch, self.folder / "resume.pt")

    def _resume(self) -> None:
        path = self.folder / "resume.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.accelerator.device, weights_only=True)
        self.module.load_state_dict(state["module"])
        self.average.values = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress.step = state["step"]
        self.progress.elapsed = state["elapsed"]


def flat_gradients(module: nn.Module) -> Tensor:
    """All gradients of a module as one vector, of which each parameter's is a part: one exchange
    between processes, one norm, no copies."""
    parameters = list(module.parameters())
    size = sum(parameter.numel() for parameter in parameters)
    flat = torch.zeros(size, device=parameters[0].device)
    parts = torch.split(flat, [parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        # In the parameter's own order in memory: fused AdamW reads both as if they had the same.
        parameter.grad = part.as_strided(parameter.shape, parameter.stride())
    return flat


class _Meter:
    """Averages the loss and writes one line every ``every`` steps."""

    def __init__(self, folder: Path, report: Callable[[str], None], every: int = 50) -> None:
        self.path = folder / "log.jsonl"
        self.board = SummaryWriter(str(folder / "board"))
        self.report = report
        self.every = every
        self.losses: list[Tensor] = []
        self.since: tuple[int, float] | None = None

    def add(self, loss: Tensor, progress: Progress, schedule: Schedule) -> None:
        self.losses.append(loss)
        self.since = self.since or (progress.step, progress.elapsed)
        if progress.step % self.every:
            return
        step, elapsed = self.since
        pace = (progress.step - step) / max(progress.elapsed - elapsed, 1e-9)
        mean = float(torch.stack(self.losses).mean())
        done = schedule.done(progress.step, progress.elapsed)
        left = progress.elapsed * (1 - done) / max(done, 1e-9)
        line = {
            "step": progress.step,
            "loss": round(mean, 5),
            "steps_per_second": round(pace, 3),
            "elapsed": round(progress.elapsed, 1),
            "left": round(left, 1),
        }
        with self.path.open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.board.add_scalar("loss", mean, progress.step)
        self.report(
            f"step {progress.step}  loss {mean:.4f}  {pace:.2f} steps/s  {left / 60:.1f} min left"
        )
        self.losses.clear()
        self.since = (progress.step, progress.elapsed)

    def show(self, picture: Tensor, step: int) -> None:
        self.board.add_image("held-out", picture, step)
