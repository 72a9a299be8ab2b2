from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
import torch

from train.forks import in_forks


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    assert list(in_forks(lambda item: item * "x", range(7), processes)) == [
        number * "x" for number in range(7)
    ]


def test_work_is_done_elsewhere_with_one_thread_and_what_was_made_here() -> None:
    heavy = object()

    def work(item: int) -> tuple[int, int, int]:
        return os.getpid(), torch.get_num_threads(), id(heavy)

    seen = [tuple(int(value) for value in one) for one in in_forks(work, range(6), 2)]
    assert len({process for process, _, _ in seen} - {os.getpid()}) == 2
    assert {(threads, same) for _, threads, same in seen} == {(1, id(heavy))}


def test_a_pool_of_threads_before_the_fork_does_not_hold_it_up() -> None:
    cv2.setNumThreads(4)
    picture = np.zeros((512, 512, 3), np.uint8)
    cv2.GaussianBlur(picture, (0, 0), 9)  # starts the pool

    def work(item: int) -> int:
        return int(cv2.GaussianBlur(picture + np.uint8(item), (0, 0), 9).max())

    assert [int(level) for level in in_forks(work, [1, 2], 2)] == [1, 2]


def test_an_error_in_a_fork_is_an_error_here() -> None:
    def work(item: int) -> int:
        raise ValueError(f"no {item}")

    with pytest.raises(ValueError, match="no 0"):
        list(in_forks(work, [0], 1))
