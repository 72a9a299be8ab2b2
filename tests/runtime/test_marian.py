"""A translation model in CTranslate2's format: tiny and random, so only that it runs is tested."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from runtime.chinese.lexicon import Unknown
from runtime.chinese.marian import Marian
from runtime.editor import open_editor
from runtime.errors import BackendFailure, BackendUnavailable
from tests.fake_bundle import write_fake_bundle
from tests.tiny_marian import write_tiny_marian


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_marian(tmp_path_factory.mktemp("marian"))


def test_a_model_of_the_converter_is_loaded_and_runs(model: Path) -> None:
    translator = Marian(model)
    first = translator.translate("把猫换成狗")
    assert first.strip() == first != ""
    assert translator.translate("把猫换成狗") == first


def test_an_editor_uses_the_model_that_it_is_given(model: Path, tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "fake")
    with open_editor(bundle, backend="fake", translator=model) as editor:
        told = editor.translate(editor.params("春眠不觉晓"))
    assert told is not None
    assert told.engine == "ctranslate2"
    assert told.instruction == Marian(model).translate("春眠不觉晓")


def test_a_bundle_that_reads_chinese_needs_no_model(tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "fake", languages=("en", "zh"))
    open_editor(bundle, backend="fake", translator=tmp_path / "nowhere").close()


@pytest.mark.parametrize("name", ["model.bin", "config.json", "source.spm", "target.spm"])
def test_a_file_that_is_missing_is_named(model: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(model, tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    with pytest.raises(BackendUnavailable, match=name):
        Marian(tmp_path / "copy")


@pytest.mark.parametrize("name", ["model.bin", "config.json", "source.spm"])
def test_a_file_that_is_damaged_is_told(model: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(model, tmp_path / "copy")
    (tmp_path / "copy" / name).write_bytes(b"{")
    with pytest.raises(BackendFailure, match="cannot be loaded"):
        Marian(tmp_path / "copy")


def test_a_package_that_is_missing_is_told_with_the_extra(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(BackendUnavailable, match=r"sentencepiece; install retouch\[translate\]"):
        Marian(model)


def test_no_english_is_no_translation(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    translator = Marian(model)
    monkeypatch.setattr(translator, "_target", type("Mute", (), {"decode": lambda *_: " "})())
    with pytest.raises(Unknown):
        translator.translate("把猫换成狗")


def test_the_end_of_the_text_is_given_once(model: Path, tmp_path: Path) -> None:
    """Some converters have the model add it; then another one would change the translation."""
    ours = Marian(model).translate("把猫换成狗")
    shutil.copytree(model, tmp_path / "copy")
    config = json.loads((model / "config.json").read_text())
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config | {"add_source_eos": True}))
    assert Marian(tmp_path / "copy").translate("把猫换成狗") == ours
