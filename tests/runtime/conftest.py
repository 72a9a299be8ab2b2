"""Fixtures of the runtime's tests: bundles for the fake backend, and small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from runtime import Bundle, Editor, open_editor
from tests.fake_bundle import write_fake_bundle

# The machine may be busy: a time limit for one example would only measure that.
settings.register_profile("runtime", deadline=None, max_examples=40)
settings.load_profile("runtime")


@pytest.fixture(scope="session")
def fake_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read-only: a test that alters a bundle writes its own."""
    return write_fake_bundle(tmp_path_factory.mktemp("runtime") / "fake")


@pytest.fixture(scope="session")
def bundle(fake_bundle: Path) -> Bundle:
    return Bundle.open(fake_bundle)


@pytest.fixture
def cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where what is compiled for a GPU is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def editor(fake_bundle: Path) -> Iterator[Editor]:
    with open_editor(fake_bundle, backend="fake") as editor:
        yield editor


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    pixels = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels)
