"""A file keeps the times of kernels from one build to the next; every refusal is an error.

`FakeConfig` stands in for the builder of `tensorrt`, which needs a GPU. Its names are those of
TensorRT-RTX, which has the calls too and measures nothing.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from export.engines.options import check_options
from export.engines.recipe import Options
from export.engines.timings import timings_kept
from export.errors import EngineError
from runtime.nvidia.library import Library, open_library


class FakeCache:
    def __init__(self, data: bytes, given_back: bool) -> None:
        self.data, self._given_back = data, given_back

    def serialize(self) -> bytes | None:
        return self.data if self._given_back else None


class FakeConfig:
    """Fails at the call that is named, as TensorRT does: by what it returns."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.cache: FakeCache | None = None

    def create_timing_cache(self, serialized_timing_cache: bytes) -> FakeCache | None:
        made = FakeCache(serialized_timing_cache, self.failing != "serialize")
        return None if self.failing == "create_timing_cache" else made

    def set_timing_cache(self, cache: FakeCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.cache = cache
        return self.failing != "set_timing_cache"


def build(config: FakeConfig, path: Path, measured: bytes) -> None:
    with timings_kept(config, path, ["because"]):
        assert config.cache is not None
        config.cache.data += measured


def test_what_one_build_measured_is_given_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "timings"
    build(FakeConfig(), path, b"one ")
    build(FakeConfig(), path, b"two ")
    assert path.read_bytes() == b"one two "
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("failing", "named"),
    [
        ("create_timing_cache", "holds no timing cache: because; name another"),
        ("set_timing_cache", "is refused: because; those of another GPU"),
        ("serialize", "is not given back: because"),
    ],
)
def test_each_call_that_fails_is_an_error(failing: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "timings"
    path.write_bytes(b"before")
    with pytest.raises(EngineError, match=named):
        build(FakeConfig(failing), path, b"one")
    assert path.read_bytes() == b"before"


def test_a_failed_build_keeps_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "timings"
    path.write_bytes(b"before")
    with pytest.raises(EngineError, match="no kernel"), timings_kept(FakeConfig(), path, []):
        raise EngineError("no kernel")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_used_is_refused_before_any_build(tmp_path: Path) -> None:
    tensorrt = Library("tensorrt", open_library("tensorrt-rtx").trt)
    with pytest.raises(EngineError, match=r"none is no folder .*make it"):
        check_options(tensorrt, Options(timing_cache=tmp_path / "none" / "timings"))
    with pytest.raises(EngineError, match=r"cannot be read: .*name a file"):
        check_options(tensorrt, Options(timing_cache=tmp_path))
    check_options(tensorrt, Options(timing_cache=tmp_path / "timings"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "timings"
    with (
        pytest.raises(EngineError, match="cannot be written"),
        timings_kept(FakeConfig(), path, []),
    ):
        path.mkdir()


def test_tensorrt_rtx_refuses_one(tmp_path: Path) -> None:
    options = Options(timing_cache=tmp_path / "timings")
    with pytest.raises(EngineError, match="times no kernels .*leave out --timing-cache"):
        check_options(open_library("tensorrt-rtx"), options)


def test_the_library_has_these_calls(tmp_path: Path) -> None:
    library, path = open_library("tensorrt-rtx"), tmp_path / "timings"
    config = library.trt.Builder(library.logger).create_builder_config()
    with (
        pytest.warns(DeprecationWarning, match="no-ops in TensorRT-RTX"),
        timings_kept(config, path, []),
    ):
        assert config.get_timing_cache() is not None
    assert path.stat().st_size > 0
    for name in ("create_timing_cache", "set_timing_cache"):
        told: Any = getattr(library.trt.IBuilderConfig, name).__doc__
        for parameter in list(inspect.signature(getattr(FakeConfig, name)).parameters)[1:]:
            assert f"{parameter}: " in told
