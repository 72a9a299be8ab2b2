"""Starts a training function in several processes with one thread each, joined by accelerate."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

T = TypeVar("T")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """A killed run must not leave workers behind that go on writing its files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _enter(rank: int, world: int, port: int, work: Callable[[T], None], argument: T) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    who = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    os.environ.update({name: str(value) for name, value in (where | who).items()})
    try:
        work(argument)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def in_processes(world: int, work: Callable[[T], None], argument: T) -> None:
    """Runs ``work(argument)`` in ``world`` processes and waits; in this one if ``world`` is 1."""
    if world == 1:
        work(argument)
        return
    spawn(  # type: ignore[no-untyped-call]
        _enter, args=(world, _free_port(), work, argument), nprocs=world, join=True
    )
