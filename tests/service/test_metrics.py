"""`/metrics`: what a scraper reads there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from runtime.stats import Stats
from service.metrics import Metrics
from tests.service.calls import post
from tests.service.pictures import encoded, picture

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every sample by its name and labels; refuses a sample that is there twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            key = one.name, frozenset(one.labels.items())
            assert key not in found
            found[key] = one.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_a_scrape_tells_ticks_by_size_and_their_rows(
    serving: Callable[..., AbstractContextManager[TestClient]],
) -> None:
    with serving(MAX_PIXELS=300 * 300) as client:
        for side in (64, 256):
            upload = encoded(picture(side, side))
            assert post(client, upload, max_size=side, steps=2).status_code == 200
        found = samples(client.get("/metrics").text)
    for size in ("64x64", "256x256"):
        assert value(found, "retouch_engine_tick_seconds_count", size=size) == 2
        assert value(found, "retouch_engine_tick_seconds_bucket", size=size, le="+Inf") == 2
        assert value(found, "retouch_engine_tick_seconds_sum", size=size) > 0
    assert value(found, "retouch_engine_rows_per_tick_bucket", le="2.0") == 0
    assert value(found, "retouch_engine_rows_per_tick_bucket", le="3.0") == 4
    assert value(found, "retouch_engine_rows_per_tick_sum") == 4 * 3
    assert value(found, "retouch_engine_first_step_seconds_count") == 2
    assert value(found, "retouch_edit_seconds_count") == 2
    assert value(found, "process_resident_memory_bytes") > 2**20
    assert value(found, "retouch_engine_waiting") == 0


def test_sizes_that_callers_choose_make_few_series() -> None:
    stats = Stats()
    for pixels in range(64 * 64, 3000 * 3000, 9_999):
        stats.count_tick(3, pixels, 0.1)
    found = samples(Metrics(lambda: stats).render().decode())
    sizes = {dict(labels)["size"] for _, labels in found if "size" in dict(labels)}
    assert 2 < len(sizes) <= 10
    counts = [value(found, "retouch_engine_tick_seconds_count", size=size) for size in sizes]
    assert sum(counts) == stats.ticks


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1e4])
def test_a_value_is_in_every_bucket_whose_bound_it_does_not_pass(seconds: float) -> None:
    stats = Stats()
    stats.count_done(seconds, 0.0)
    found = samples(Metrics(lambda: stats).render().decode())
    buckets = {
        float(dict(labels)["le"]): count
        for (name, labels), count in found.items()
        if name == "retouch_edit_seconds_bucket"
    }
    assert buckets == {bound: float(seconds <= bound) for bound in buckets}
    assert buckets[float("inf")] == 1
