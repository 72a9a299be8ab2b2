from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from train import cutout_names, cutouts, packages
from train.changes import NOUNS

ACCESSORIES = ("hat", "sunglasses")


def _disc(colour: tuple[int, int, int] = (200, 30, 40), size: int = 16) -> Image.Image:
    y, x = np.mgrid[:size, :size] - size // 2
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = 255 * (x**2 + y**2 <= (size // 3) ** 2)
    return Image.fromarray(pixels)


def _canonical_pictures(_: Path) -> Iterator[cutouts.Picture]:
    for noun, chosen in cutout_names.FLUENT.items():
        yield noun, chosen[0], _disc()


def _more_pictures(_: Path) -> Iterator[cutouts.Picture]:
    """Two pictures a noun, one of them held out."""
    for noun in NOUNS:
        for split in ("train", "held_out"):
            names = (f"{noun}-{i}" for i in count())
            fitting = (name for name in names if cutouts.split_of(noun, "discs", name) == split)
            yield noun, next(fitting), _disc()


@contextmanager
def _nothing_unpacked(*_: str) -> Iterator[Path]:
    yield Path()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sources = (
        cutouts.Source("npm", cutouts.CANONICAL_PACKAGE, "1", "MIT", _canonical_pictures),
        cutouts.Source("debian", "discs", "2", "CC0", _more_pictures),
    )
    monkeypatch.setattr(cutouts, "SOURCES", sources)
    monkeypatch.setattr(packages, "unpacked", _nothing_unpacked)
    cutouts.fetch(tmp_path)
    return tmp_path


def _keys(found: dict[str, list[cutouts.Cutout]]) -> list[tuple[str, str, str]]:
    return [(c.noun, c.source, c.name) for several in found.values() for c in several]


def test_the_splits_share_out_every_cutout(folder: Path) -> None:
    train, held_out = cutouts.load(folder, "train"), cutouts.load(folder, "held_out")
    assert list(train) == list(held_out) == list(NOUNS)
    everything = _keys(train) + _keys(held_out)
    assert len(set(everything)) == len(everything) == 3 * len(NOUNS)
    assert not {noun for noun, _, _ in everything} & set(ACCESSORIES)


def test_another_fetch_changes_nothing(folder: Path) -> None:
    before = _keys(cutouts.load(folder, "held_out"))
    cutouts.fetch(folder)
    assert _keys(cutouts.load(folder, "held_out")) == before


def test_the_split_is_what_it_was_when_the_model_was_trained() -> None:
    # Known answers: a held-out picture must never move into training.
    package = "@iconify-json/twemoji"
    held_out = [noun for noun in NOUNS if cutouts.split_of(noun, package, noun) == "held_out"]
    assert held_out == ["horse", "fish", "butterfly", "penguin", "airplane", "guitar"]


def test_a_fifth_is_held_out() -> None:
    splits = [cutouts.split_of("cat", "discs", str(i)) for i in range(5000)]
    assert splits.count("held_out") == pytest.approx(1000, abs=100)


def test_canonical_pictures_are_always_for_training(folder: Path) -> None:
    train = set(_keys(cutouts.load(folder, "train")))
    canonical = cutouts.canonical(folder)
    assert list(canonical) == list(NOUNS)
    for noun, cutout in canonical.items():
        assert (noun, cutout.source, cutout.name) in train


@pytest.mark.parametrize("name", ACCESSORIES)
def test_accessories_are_at_hand(folder: Path, name: str) -> None:
    assert cutouts.accessory(folder, name).noun == name


def test_sources_and_licences_are_written_down(folder: Path) -> None:
    listing = json.loads((folder / "sources.json").read_text("utf-8"))
    licences = {source["package"]: source["licence"] for source in listing["sources"]}
    assert licences == {cutouts.CANONICAL_PACKAGE: "MIT", "discs": "CC0"}
    for record in listing["cutouts"]:
        assert record["package"] in licences
        assert (folder / record["file"]).is_file()


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    margins=st.tuples(*[st.integers(0, 60)] * 4),
)
@settings(max_examples=40, deadline=None)
def test_a_cutout_fills_its_box(size: tuple[int, int], margins: tuple[int, ...]) -> None:
    left, top, right, bottom = margins
    pixels = np.zeros((top + size[1] + bottom, left + size[0] + right, 4), np.uint8)
    pixels[top : top + size[1], left : left + size[0]] = (9, 99, 199, 255)
    cut = np.asarray(cutouts.cut(Image.fromarray(pixels)))
    assert max(cut.shape[:2]) == min(max(size), cutouts.LONGER_SIDE)
    for edge in (cut[0], cut[-1], cut[:, 0], cut[:, -1]):
        assert edge[:, 3].max() >= cutouts.ALPHA_FLOOR


def test_faint_pixels_do_not_widen_the_box() -> None:
    pixels = np.zeros((50, 50, 4), np.uint8)
    pixels[..., 3] = cutouts.ALPHA_FLOOR - 1
    pixels[20:30, 10:40, 3] = 255
    assert cutouts.cut(Image.fromarray(pixels)).size == (30, 10)


def test_reducing_keeps_the_hidden_colour_out_of_the_edge() -> None:
    pixels = np.asarray(_disc((200, 0, 0), 600)).copy()
    pixels[pixels[..., 3] == 0] = (0, 255, 0, 0)
    cut = np.asarray(cutouts.cut(Image.fromarray(pixels)))
    assert cut[cut[..., 3] >= cutouts.ALPHA_FLOOR][:, 1].max() == 0


def test_an_emoji_set_gives_what_it_has_and_is_not_excepted(tmp_path: Path) -> None:
    square = {"body": '<path fill="#00f" d="M8 4h16v24H8z"/>'}
    icons = {"cat": square, "sailboat": square, "no-noun-of-ours": square}
    listing = {"prefix": "twemoji", "width": 32, "height": 32, "icons": icons}
    (tmp_path / "package").mkdir()
    (tmp_path / "package/icons.json").write_text(json.dumps(listing))
    (twemoji,) = (source for source in cutouts.SOURCES if source.package.endswith("twemoji"))
    ((noun, name, picture),) = twemoji.pictures(tmp_path)
    assert (noun, name) == ("cat", "cat")
    cut = cutouts.cut(picture)
    assert cut.size == (128, 192)
    assert cut.getpixel((64, 96)) == (0, 0, 255, 255)


def test_an_empty_folder_names_the_remedy(tmp_path: Path) -> None:
    for call in (lambda: cutouts.load(tmp_path, "train"), lambda: cutouts.canonical(tmp_path)):
        with pytest.raises(cutouts.CutoutError, match=f"retouch train cutouts {tmp_path}"):
            call()


def test_a_lacking_noun_is_named(folder: Path) -> None:
    path = folder / "sources.json"
    listing = json.loads(path.read_text("utf-8"))
    listing["cutouts"] = [record for record in listing["cutouts"] if record["noun"] != "guitar"]
    path.write_text(json.dumps(listing), "utf-8")
    with pytest.raises(cutouts.CutoutError, match="no held_out cut-outs of guitar in"):
        cutouts.load(folder, "held_out")


def test_a_lacking_file_is_named(folder: Path) -> None:
    lost = cutouts.load(folder, "held_out")["palm tree"][0]
    path = folder / "palm_tree" / f"{lost.source}-{lost.name}.png"
    path.unlink()
    with pytest.raises(cutouts.CutoutError, match=path.name):
        cutouts.load(folder, "held_out")


def test_a_package_that_cannot_be_had_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(cutouts.CutoutError, match="npm is not installed"):
        cutouts.fetch(tmp_path)
    assert not (tmp_path / "sources.json").exists()


def test_the_tables_name_every_noun_and_no_picture_twice() -> None:
    assert tuple(cutout_names.FLUENT) == (*NOUNS, *ACCESSORIES)
    assert tuple(cutout_names.EMOJI) == NOUNS
    assert set(cutout_names.OPENCLIPART) <= set(NOUNS)
    for table in (cutout_names.FLUENT, cutout_names.EMOJI, cutout_names.OPENCLIPART):
        chosen = [Path(name).name for several in table.values() for name in several]
        assert len(set(chosen)) == len(chosen)
