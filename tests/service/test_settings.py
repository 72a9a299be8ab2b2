"""Settings: read once, and a bad variable is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runtime.scheduler import Limits
from service.settings import SOURCE_ROOT, Settings


def test_defaults_are_the_embedded_model_and_the_engines_own_limits() -> None:
    settings = Settings.from_env({})
    assert settings.bundle == SOURCE_ROOT / "models" / "mini"
    assert settings.limits == Limits()
    assert settings.backend == settings.device == settings.precision == "auto"


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


def test_every_limit_of_the_engine_has_a_variable() -> None:
    wanted = {name: value * 2 for name, value in dataclasses.asdict(Limits()).items()}
    env = {f"RETOUCH_{name.upper()}": str(value) for name, value in wanted.items()}
    assert dataclasses.asdict(Settings.from_env(env).limits) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETOUCH_BACKEND", "torch"),
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
    ],
)
def test_a_bad_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name) as refusal:
        Settings.from_env({name: value})
    assert value in str(refusal.value)
