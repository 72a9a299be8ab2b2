"""The whole way, by the command line: pictures, autoencoder, CLIP, UNet, bundle, edit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.conftest import drawn_cutout
from train import cutout_names, cutouts
from train.changes import NOUNS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "models" / "examples"

pytestmark = pytest.mark.slow


def retouch(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "retouch.py"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def make_photos(folder: Path) -> None:
    """Two of the examples to learn from, one to look at."""
    for split, names in (("train", ("cat.jpg", "pagoda.jpg")), ("held_out", ("coffee.jpg",))):
        (folder / split).mkdir(parents=True)
        for name in names:
            shutil.copyfile(EXAMPLES / name, folder / split / name)
    (folder / "sources.json").write_text("{}")


def make_cutouts(folder: Path) -> None:
    """Three drawn objects of every noun, as `retouch train data` would leave fetched ones."""
    records = []
    package = cutouts.SOURCES[0].package
    for noun in (*NOUNS, "hat", "sunglasses"):
        (folder / noun).mkdir(parents=True)
        first = cutout_names.FLUENT[noun][0]
        for number, name in enumerate((first, "second", "third")):
            file = f"{noun}/{name}.png"
            Image.fromarray(drawn_cutout(noun, number).pixels).save(folder / file)
            split = "held_out" if number == 2 else "train"
            record = {"noun": noun, "package": package, "name": name, "split": split, "file": file}
            records.append(record)
    listing = {"sources": [], "cutouts": records}
    (folder / "sources.json").write_text(json.dumps(listing))


def test_all_stages_fit_together(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos")
    make_cutouts(tmp_path / "cutouts")
    retouch(tmp_path, "train", "all", str(ROOT / "train" / "recipes" / "smoke.toml"))

    log = (tmp_path / "runs/smoke/unet/log.jsonl").read_text("utf-8")
    losses = [json.loads(line) for line in log.splitlines()]
    assert losses
    assert all(np.isfinite(line["loss"]) for line in losses)
    checkpoint = tmp_path / "runs/smoke/checkpoint"
    assert (checkpoint / "model_index.json").exists()

    retouch(tmp_path, "export", str(checkpoint), "bundle")
    photo = str(EXAMPLES / "coffee.jpg")
    retouch(tmp_path, "edit", "make it night", photo, "--bundle", "bundle", "--out", "out.png",
            "--steps", "1", "--max-size", "96")  # fmt: skip
    with Image.open(tmp_path / "out.png") as edited:
        assert max(edited.size) == 96
        assert np.asarray(edited).std() > 0
