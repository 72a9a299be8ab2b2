"""Which words are translated, and where the translation is told."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from runtime import Editor, EditParams, InvalidRequest, Provenance, open_editor, read_provenance
from runtime.cli import edit
from runtime.translation import Translation, language_of
from tests.fake_bundle import write_fake_bundle

app = typer.Typer()
app.command()(edit)

CHINESE, ENGLISH = "让画面变成夜晚", "make it night"
TOLD = Translation(ENGLISH, "", "rules")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_bundle(tmp_path_factory.mktemp("translation") / "bundle")


@pytest.fixture
def editor(bundle: Path) -> Editor:
    return open_editor(bundle, backend="fake")


PICTURE = Image.linear_gradient("L").resize((64, 64))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("make it night", None),
        ("", None),
        ("café, naïve, Straße", None),
        ("把它变成 cyberpunk 风格", "zh"),
        ("讓畫面變成夜晚", "zh"),
        ("夜", "zh"),
        ("猫を犬に変えて", "ja"),
        ("고양이를 개로 바꿔 주세요", "ko"),
        ("배경을 黑白으로", "ko"),
    ],
)
def test_languages_are_told_apart(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_the_text_encoder_is_given_the_english(editor: Editor) -> None:
    ours = editor.edit(PICTURE, CHINESE, seed=3)
    theirs = editor.edit(PICTURE, ENGLISH, seed=3)
    other = editor.edit(PICTURE, "sepia", seed=3)
    assert ours.image.tobytes() == theirs.image.tobytes() != other.image.tobytes()
    assert (ours.translation, theirs.translation) == (TOLD, None)
    assert ours.params.instruction == CHINESE  # what was asked is kept


def test_the_negative_instruction_is_translated_too(editor: Editor) -> None:
    told = editor.translate(EditParams(ENGLISH, "水印，文字"))
    assert told == Translation(ENGLISH, "watermark, text", "rules")
    with pytest.raises(InvalidRequest, match=r"^negative_instruction .*cannot be translated"):
        editor.params(ENGLISH, negative_instruction="哈基米")


@pytest.mark.parametrize("text", ["make it night", "猫を犬に変えて", "고양이를 개로"])
def test_other_languages_are_read_as_they_are(editor: Editor, text: str) -> None:
    assert editor.edit(PICTURE, text).translation is None


def test_what_cannot_be_translated_is_refused_with_the_part_and_what_helps(editor: Editor) -> None:
    refusal = r"^instruction '把猫换成哈基米' cannot be translated: '哈基米' .* in English"
    with pytest.raises(InvalidRequest, match=refusal):
        editor.params("把猫换成哈基米")
    with pytest.raises(InvalidRequest, match=refusal):
        editor.edit(PICTURE, "把猫换成哈基米")


@pytest.mark.parametrize("languages", [("en", "zh"), ("zh",), ("de",)])
def test_other_models_are_given_the_words(tmp_path: Path, languages: tuple[str, ...]) -> None:
    bundle = write_fake_bundle(tmp_path / "bundle", languages=languages)
    with open_editor(bundle, backend="fake") as editor:
        assert editor.edit(PICTURE, "春眠不觉晓").translation is None


def test_a_result_tells_both_and_is_repeated_in_english(editor: Editor, tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        editor.edit(PICTURE, CHINESE, seed=3).save(tmp_path / name)
        record = read_provenance((tmp_path / name).read_bytes())
        assert record.params.instruction == CHINESE
        assert record.translation == TOLD
        assert record.asked()["instruction"] == ENGLISH
        assert EditParams(**record.asked()).seed == 3


@pytest.mark.parametrize("told", [{"instruction": "a"}, [1], "text", {"other": 1}])
def test_a_translation_that_was_tampered_with_is_refused(told: object) -> None:
    record = json.loads(Provenance(EditParams("a"), "b").dumps())
    with pytest.raises(InvalidRequest, match="cannot be read"):
        Provenance.loads(json.dumps(record | {"translation": told}))


def test_a_record_from_before_translations_is_read() -> None:
    record = json.loads(Provenance(EditParams("a", seed=1), "b").dumps())
    del record["translation"]
    assert Provenance.loads(json.dumps(record)) == Provenance(EditParams("a", seed=1), "b")


def test_the_command_tells_the_translation_and_repeats_it(bundle: Path, tmp_path: Path) -> None:
    photo, out, again = (tmp_path / name for name in ("a.png", "b.png", "c.png"))
    PICTURE.save(photo)
    options = ["--bundle", str(bundle), "--backend", "fake", "--json"]
    first = CliRunner().invoke(app, [CHINESE, str(photo), "-o", str(out), *options])
    assert first.exit_code == 0, first.output
    line = json.loads(first.stdout)
    assert line["translation"] == dataclasses.asdict(TOLD)
    words = ["--again", str(out), "-i", str(photo), "-o", str(again), *options]
    assert CliRunner().invoke(app, words).exit_code == 0
    with Image.open(out) as one, Image.open(again) as two:
        assert one.tobytes() == two.tobytes()
    people = CliRunner().invoke(app, [CHINESE, str(photo), *options[:-1]])
    assert f"read as: {ENGLISH}" in people.output
    refused = CliRunner().invoke(app, ["春眠不觉晓", str(photo), *options])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "InvalidRequest"


def test_the_dictionary_is_not_read_for_english(bundle: Path) -> None:
    code = (
        "import sys; from PIL import Image; from runtime import open_editor;"
        f"editor = open_editor({str(bundle)!r}, backend='fake');"
        "editor.edit(Image.new('RGB', (64, 64)), 'make it night');"
        "from runtime.chinese import lexicon;"
        "print(lexicon._cedict.cache_info().misses, 'runtime.chinese.rules' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]
