"""Settings: read once, and a bad variable is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runtime.backends import fake
from runtime.backends.fake import FakeBackend
from runtime.nvidia.options import GpuOptions
from runtime.scheduler import Limits
from service.settings import SOURCE_ROOT, Settings
from service.trial import open_warm
from tests.fake_bundle import write_fake_bundle


def test_defaults_are_the_embedded_model_and_the_engines_own_limits() -> None:
    settings = Settings.from_env({})
    assert settings.bundle == SOURCE_ROOT / "models" / "mini"
    assert settings.limits == Limits()
    assert settings.backend == settings.device == settings.precision == "auto"


def test_what_is_asked_of_the_gpu_reaches_the_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings.from_env({}).gpu == GpuOptions()
    asked: list[GpuOptions] = []

    def open_backend(device: str, precision: str, gpu: GpuOptions) -> FakeBackend:
        asked.append(gpu)
        return FakeBackend()

    monkeypatch.setattr(fake, "open_backend", open_backend)
    env = {"RETOUCH_CUDA_GRAPHS": "1", "RETOUCH_GPU_MEMORY_MB": "100", "RETOUCH_BACKEND": "fake"}
    bundle = write_fake_bundle(tmp_path / "bundle")
    open_warm(Settings.from_env({**env, "RETOUCH_BUNDLE": str(bundle)})).close()
    assert asked == [GpuOptions(cuda_graphs=True, memory=100 * 2**20)]


def test_an_empty_variable_is_an_absent_one() -> None:
    assert Settings.from_env({"RETOUCH_DEVICE": " ", "RETOUCH_MAX_ROWS": ""}) == Settings.from_env(
        {}
    )


def test_a_relative_bundle_starts_where_the_operator_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env({"RETOUCH_BUNDLE": "b"}).bundle == tmp_path / "b"
    assert Settings.from_env({"RETOUCH_BUNDLE": "/b"}).bundle == Path("/b")


def test_jobs_are_kept_in_the_state_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for env, folder in (
        ({"HOME": "/home/me"}, Path("/home/me/.local/state/retouch/jobs")),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, Path("/state/retouch/jobs")),
        ({"HOME": "/home/me", "RETOUCH_JOBS_DIR": "here"}, tmp_path / "here"),
    ):
        assert Settings.from_env(env).jobs.folder == folder


def test_jobs_leave_room_in_the_engine_for_others() -> None:
    assert Settings.from_env({}).jobs.most_edits == Limits().max_running // 2
    alone = {"RETOUCH_MAX_RUNNING": "1", "RETOUCH_MAX_QUEUE": "2"}
    assert Settings.from_env(alone).jobs.most_edits == 1
    assert Settings.from_env({**alone, "RETOUCH_JOBS_MAX_RUNNING": "99"}).jobs.most_edits == 3


def test_every_limit_of_the_engine_has_a_variable() -> None:
    wanted = {name: value * 2 for name, value in dataclasses.asdict(Limits()).items()}
    env = {f"RETOUCH_{name.upper()}": str(value) for name, value in wanted.items()}
    assert dataclasses.asdict(Settings.from_env(env).limits) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETOUCH_BACKEND", "torch"),
        ("RETOUCH_CUDA_GRAPHS", "yes"),
        ("RETOUCH_GPU_MEMORY_MB", "-1"),
        ("RETOUCH_MAX_ROWS", "many"),
        ("RETOUCH_MAX_ROWS", "1.5"),
        ("RETOUCH_MAX_ROWS", "-3"),
        ("RETOUCH_MAX_ROWS", "2"),
        ("RETOUCH_MAX_RUNNING", "0"),
        ("RETOUCH_MAX_UPLOAD_MB", "0"),
        ("RETOUCH_MAX_UPLOAD_MB", "5000"),
        ("RETOUCH_MAX_UPLOAD_MB", "nan"),
        ("RETOUCH_MAX_UPLOADS", "0"),
        ("RETOUCH_MAX_VARIATIONS", "0"),
        ("RETOUCH_MAX_SWEEP", "1"),
        ("RETOUCH_MAX_CACHE_BYTES", "-1"),
        ("RETOUCH_UPLOAD_SECONDS", "0"),
        ("RETOUCH_TIMEOUT_SECONDS", "soon"),
        ("RETOUCH_DRAIN_SECONDS", "inf"),
        ("RETOUCH_JOBS_KEEP_HOURS", "0"),
        ("RETOUCH_JOBS_MAX_MB", "-1"),
        ("RETOUCH_JOBS_MAX_QUEUED", "0"),
        ("RETOUCH_JOBS_MAX_RUNNING", "many"),
    ],
)
def test_a_bad_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name) as refusal:
        Settings.from_env({name: value})
    assert value in str(refusal.value)
