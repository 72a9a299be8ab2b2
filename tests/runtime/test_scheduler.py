"""The scheduler keeps every bound and starves nobody, whatever arrives in whatever order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from runtime import EditParams, InvalidRequest, Limits, SamplerName
from runtime.request import Request, Status
from runtime.samplers import sampler_table
from runtime.scheduler import Scheduler, Tick
from tests.fake_bundle import scaled_linear

SCHEDULE = scaled_linear()
SIZES = [(64, 64), (64, 128), (256, 256)]
SCALES = [(7.5, 1.5), (7.5, 1.0), (1.0, 1.0)]  # 3, 2 and 1 rows


def request(
    steps: int = 3, size: tuple[int, int] = (64, 64), scales: tuple[float, float] = SCALES[0]
) -> Request:
    table = sampler_table(SamplerName.EULER, SCHEDULE, "epsilon", steps)
    text_guidance, image_guidance = scales
    params = EditParams("make it", text_guidance=text_guidance, image_guidance=image_guidance)
    return Request(params, table, np.empty((*size, 3), np.uint8))


def pretend_to_run(tick: Tick) -> None:
    """What an engine does to the requests of a tick."""
    for one in tick.joining:
        one.status = Status.RUNNING
    for one in tick.moving:
        one.step += 1
        if one.step == one.table.steps:
            one.status = Status.DONE


limits = st.builds(
    Limits,
    max_rows=st.integers(3, 12),
    max_running=st.integers(1, 6),
    max_queue=st.integers(0, 4),
    max_pixels=st.just(2**20),
    max_tick_pixels=st.sampled_from([1, 6 * 64 * 64, 12 * 256 * 256]),
)


class SchedulerMachine(RuleBasedStateMachine):
    """Requests arrive, are cancelled, fail and finish; each is followed by this test as well."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Request] = []  # as they came
        self.running: dict[Request, int] = {}  # -> ticks since it was last served

    @initialize(limits=limits)
    def open(self, limits: Limits) -> None:
        self.limits = limits
        self.scheduler = Scheduler(limits)

    @rule(steps=st.integers(1, 6), size=st.sampled_from(SIZES), scales=st.sampled_from(SCALES))
    def arrive(self, steps: int, size: tuple[int, int], scales: tuple[float, float]) -> None:
        free = self.limits.max_running - len(self.running)
        assert self.scheduler.room == self.limits.max_queue + free - len(self.waiting)
        if self.scheduler.room:
            self.waiting.append(request(steps, size, scales))
            self.scheduler.add(self.waiting[-1])

    @precondition(lambda self: self.waiting or self.running)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from([*self.waiting, *self.running]))
        one.cancelled = True
        assert self.scheduler.drop_cancelled() == [one]
        assert one.status is Status.CANCELLED
        self._forget(one)

    @rule(data=st.data())
    def tick(self, data: st.DataObject) -> None:
        tick = self.scheduler.schedule()
        assert self.scheduler.schedule() == tick  # it only looks
        self._check(tick)
        pretend_to_run(tick)
        for one in (*tick.joining, *tick.moving):
            if data.draw(st.integers(0, 19)) == 0:
                one.status = Status.FAILED
        self._serve(tick)
        finished = [one for one in self.running if one.finished]
        assert set(self.scheduler.update(tick)) == set(finished)
        for one in finished:
            self._forget(one)

    @invariant()
    def the_scheduler_holds_what_is_not_finished(self) -> None:
        assert self.scheduler.waiting == self.waiting
        assert set(self.scheduler.running) == set(self.running)
        assert len(self.scheduler.running) == len(self.running) <= self.limits.max_running
        assert len(self.waiting) <= self.limits.max_queue + self.limits.max_running
        assert self.scheduler.idle == (not self.waiting and not self.running)

    def teardown(self) -> None:
        """Every accepted request comes to its end: each tick takes at least one step."""
        left = sum(one.table.steps - one.step for one in (*self.waiting, *self.running))
        for _ in range(left):
            tick = self.scheduler.schedule()
            pretend_to_run(tick)
            self.scheduler.update(tick)
        assert self.scheduler.idle
        assert all(one.status is Status.DONE for one in (*self.waiting, *self.running))

    def _check(self, tick: Tick) -> None:
        free = self.limits.max_running - len(self.running)
        most = min(free, 1) if self.running else free  # runners wait for one encoding at most
        assert list(tick.joining) == self.waiting[:most]  # first come, first served
        candidates = [*self.running, *tick.joining]
        assert bool(tick.moving) == bool(candidates)
        assert set(tick.moving) <= set(candidates)
        assert len(set(tick.moving)) == len(tick.moving)
        assert len({one.size for one in tick.moving}) <= 1
        rows = sum(len(one.weights()) for one in tick.moving)
        assert rows <= self.limits.max_rows
        if len(tick.moving) > 1:
            height, width = tick.moving[0].size
            assert rows * height * width <= self.limits.max_tick_pixels

    def _serve(self, tick: Tick) -> None:
        self.waiting = self.waiting[len(tick.joining) :]
        for one in (*self.running, *tick.joining):
            self.running[one] = 0 if one in tick.moving else self.running.get(one, 0) + 1
            assert self.running[one] < self.limits.max_running

    def _forget(self, one: Request) -> None:
        self.running.pop(one, None)
        self.waiting = [other for other in self.waiting if other is not one]


TestSchedulerMachine = SchedulerMachine.TestCase
TestSchedulerMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_requests_of_one_size_share_a_tick_up_to_the_rows() -> None:
    scheduler = Scheduler(Limits(max_rows=7, max_running=8))
    three, two, one = (request(scales=scales) for scales in SCALES)
    more, other = request(scales=SCALES[1]), request(size=SIZES[1])
    for each in (three, two, other, more, one):
        scheduler.add(each)
    tick = scheduler.schedule()
    assert tick.joining == (three, two, other, more, one)
    assert tick.moving == (three, two, more)  # 3 + 2 + 2 rows


def test_sizes_take_turns() -> None:
    """A single request of another size moves in every other tick, however many the others are."""
    scheduler = Scheduler(Limits())
    crowd, lone = [request(10) for _ in range(4)], request(10, SIZES[1])
    for each in (*crowd, lone):
        scheduler.add(each)
    for _ in range(6):
        tick = scheduler.schedule()
        pretend_to_run(tick)
        scheduler.update(tick)
    assert lone.step == 3
    assert [each.step for each in crowd] == [3] * 4


def test_a_picture_larger_than_a_tick_moves_alone() -> None:
    scheduler = Scheduler(Limits(max_tick_pixels=1))
    for _ in range(2):
        scheduler.add(request(1))
    assert [len(scheduler.schedule().moving) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("name", "low"),
    [
        ("max_rows", 3),
        ("max_running", 1),
        ("max_queue", 0),
        ("max_pixels", 4096),
        ("max_tick_pixels", 1),
        ("max_cache_bytes", 0),
    ],
)
def test_limits_below_what_one_edit_needs_are_refused(name: str, low: int) -> None:
    def build(value: int) -> Limits:
        arguments: dict[str, Any] = {name: value}
        return Limits(**arguments)

    assert getattr(build(low), name) == low
    with pytest.raises(InvalidRequest, match=f"{name} {low - 1} is too low; give {low}"):
        build(low - 1)


def test_a_cancellation_that_arrives_while_others_are_dropped_is_not_lost() -> None:
    """Another thread may set the flag at any moment: whoever leaves the lists must be reported."""
    scheduler = Scheduler(Limits())

    class First(Request):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if value is Status.CANCELLED:
                second.cancelled = True

    plain, second = request(), request()
    first = First(plain.params, plain.table, plain.pixels)
    for each in (first, second):
        scheduler.add(each)
    first.cancelled = True
    assert scheduler.drop_cancelled() == [first]
    assert scheduler.drop_cancelled() == [second]
    assert scheduler.idle
