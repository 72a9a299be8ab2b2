"""Opening a bundle: whatever was done to the directory ends in a BundleError, before it is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime import (
    Bundle,
    BundleCorrupt,
    BundleIncompatible,
    BundleNotFound,
    open_editor,
    open_worker,
)
from runtime.manifest import GRAPH_NAMES, MANIFEST_FILE, GraphName
from tests.fake_bundle import write_fake_bundle

FILES = ["tokenizer.json", *(f"{name}.onnx" for name in GRAPH_NAMES)]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A bundle of one's own, to be broken."""
    return write_fake_bundle(tmp_path / "bundle")


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads((path / MANIFEST_FILE).read_text())
    change(data)
    (path / MANIFEST_FILE).write_text(json.dumps(data))


def test_a_sound_bundle_opens(broken: Path) -> None:
    bundle = Bundle.open(str(broken))
    assert bundle.tokenizer_path(bundle.manifest.tokenizer).is_file()
    for name in GRAPH_NAMES:
        assert bundle.graph_path(bundle.variant(name, ("fp32",))).read_bytes() == name.encode()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_in_every_file(broken: Path, name: str) -> None:
    content = bytearray((broken / name).read_bytes())
    content[len(content) // 2] ^= 1
    (broken / name).write_bytes(content)
    with pytest.raises(BundleCorrupt, match=f"{name} has SHA-256"):
        Bundle.open(broken)


@pytest.mark.parametrize("name", FILES)
def test_a_shortened_file_is_found(broken: Path, name: str) -> None:
    (broken / name).write_bytes((broken / name).read_bytes()[:-1])
    with pytest.raises(BundleCorrupt, match=f"{name} has SHA-256"):
        Bundle.open(broken)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(broken: Path, name: str) -> None:
    (broken / name).unlink()
    with pytest.raises(BundleCorrupt, match=name):
        Bundle.open(broken)


def test_external_data_is_verified_too(broken: Path) -> None:
    data = {"path": "tick.onnx.data", "sha256": "0" * 64}
    rewrite(broken, lambda m: m["graphs"]["tick"][0]["data"].append(data))
    with pytest.raises(BundleCorrupt, match="tick.onnx.data is no file"):
        Bundle.open(broken)
    (broken / "tick.onnx.data").write_bytes(b"weights")
    with pytest.raises(BundleCorrupt, match="tick.onnx.data has SHA-256"):
        Bundle.open(broken)


def test_a_link_that_leads_outside_is_refused(broken: Path, tmp_path: Path) -> None:
    """Even when the file it leads to has the right digest."""
    outside = tmp_path / "outside.json"
    (broken / "tokenizer.json").rename(outside)
    (broken / "tokenizer.json").symlink_to(outside)
    with pytest.raises(BundleCorrupt, match="leads outside the bundle"):
        Bundle.open(broken)


def test_a_directory_that_leads_outside_is_refused(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (broken / "tokenizer.json").rename(tmp_path / "outside" / "tokenizer.json")
    (broken / "sub").symlink_to(tmp_path / "outside")
    rewrite(broken, lambda m: m["tokenizer"]["file"].update(path="sub/tokenizer.json"))
    with pytest.raises(BundleCorrupt, match="leads outside the bundle"):
        Bundle.open(broken)


def test_a_link_inside_the_bundle_is_followed(broken: Path) -> None:
    (broken / "tokenizer.json").rename(broken / "tokenizer-1.json")
    (broken / "tokenizer.json").symlink_to("tokenizer-1.json")
    Bundle.open(broken)


def test_a_bundle_may_be_reached_by_a_link(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(broken)
    Bundle.open(tmp_path / "link")


def circle(file: Path) -> None:
    file.symlink_to(file.name)


@pytest.mark.parametrize("make", [circle, Path.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused(broken: Path, make: Callable[[Path], None]) -> None:
    """Among them a pipe, which it would take for ever to open."""
    (broken / "tick.onnx").unlink()
    make(broken / "tick.onnx")
    with pytest.raises(BundleCorrupt, match="tick.onnx"):
        Bundle.open(broken)


def test_a_name_that_is_too_long_is_refused(broken: Path) -> None:
    rewrite(broken, lambda m: m["tokenizer"]["file"].update(path="a" * 5000))
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        Bundle.open(broken)


@pytest.mark.parametrize("where", ["nowhere", "empty", "tokenizer.json"])
@pytest.mark.parametrize("open_it", [Bundle.open, open_editor, open_worker])
def test_no_bundle_names_the_command_that_makes_one(
    broken: Path, where: str, open_it: Callable[[Path], object]
) -> None:
    (broken / "empty").mkdir()
    with pytest.raises(BundleNotFound, match="retouch export CHECKPOINT BUNDLE"):
        open_it(broken / where)


def test_a_manifest_that_is_a_directory_is_refused(broken: Path) -> None:
    (broken / MANIFEST_FILE).unlink()
    (broken / MANIFEST_FILE).mkdir()
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        Bundle.open(broken)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"\x89PNG\r\n", bytes(range(256)), b""])
def test_a_manifest_that_is_no_text_is_refused(broken: Path, content: bytes) -> None:
    (broken / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(BundleCorrupt):
        Bundle.open(broken)


@pytest.mark.parametrize(
    ("defaults", "named"),
    [
        ({"stepz": 20}, "stepz"),
        ({"steps": 0}, "steps 0"),
        ({"steps": "20"}, "steps '20'"),
        ({"image_guidance": 99.0}, "image_guidance 99"),
        ({"sampler": "heun"}, "heun"),
        ({"sampler": "lcm", "steps": 60}, "steps 60 does not fit sampler lcm"),
        ({"instruction": "make it night", "max_size": 1}, "max_size 1"),
    ],
)
def test_defaults_that_would_refuse_every_edit_are_refused_at_once(
    broken: Path, defaults: dict[str, Any], named: str
) -> None:
    rewrite(broken, lambda m: m.update(defaults=defaults))
    with pytest.raises(BundleCorrupt, match=named):
        Bundle.open(broken)


def test_a_bundle_may_have_no_defaults(broken: Path) -> None:
    rewrite(broken, lambda m: m.update(defaults={}))
    with open_editor(broken, backend="fake") as editor:
        assert editor.params("make it night").steps == 20


ENGINE = {
    "library": "tensorrt",
    "version": "11.4",
    "compute": ["9.0"],
    "any_version": False,
    "any_gpu": False,
    "rows": {"least": 1, "most": 12},
    "side": {"least": 64, "most": 128},
}


def test_a_variant_is_chosen_by_its_precision_and_must_be_portable(broken: Path) -> None:
    def add(manifest: dict[str, Any]) -> None:
        tick = manifest["graphs"]["tick"]
        tick.insert(0, tick[0] | {"precision": "int8", "built_for": ENGINE})
        tick.append(tick[1] | {"precision": "fp16"})

    rewrite(broken, add)
    bundle = Bundle.open(broken)
    assert bundle.variant("tick", ("fp16", "fp32")).precision == "fp16"
    assert bundle.variant("tick", ("fp32", "fp16")).precision == "fp32"
    assert bundle.variant("image_encoder", ("fp16", "fp32")).precision == "fp32"
    with pytest.raises(BundleIncompatible, match="stored in fp32, asked for was fp16"):
        bundle.variant("image_encoder", ("fp16",))
    with pytest.raises(BundleIncompatible, match="int8"):  # there is one, but it is not portable
        bundle.variant("tick", ("int8",))


@pytest.mark.parametrize("graph", GRAPH_NAMES)
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_graph_must_state_the_ports_of_the_contract(
    broken: Path, graph: GraphName, side: str
) -> None:
    rewrite(broken, lambda m: m["graphs"][graph][0][side].pop())
    with pytest.raises(BundleCorrupt, match=f"{graph}.onnx states other inputs or outputs"):
        Bundle.open(broken)


def test_a_graph_built_only_for_another_device_is_incompatible(broken: Path) -> None:
    rewrite(broken, lambda m: m["graphs"]["tick"][0].update(built_for=ENGINE))
    with pytest.raises(BundleIncompatible, match=r"tensorrt 11\.4 on compute 9\.0"):
        open_editor(broken, backend="fake")


@pytest.mark.parametrize(
    ("content", "pad_token_id"),
    [(b"{}", 0), (b"\xff", 0), (b"", 0), (None, 999), (None, 2**31 - 1)],
)
def test_a_tokenizer_that_does_not_serve_is_refused(
    broken: Path, content: bytes | None, pad_token_id: int
) -> None:
    file = broken / "tokenizer.json"
    file.write_bytes(file.read_bytes() if content is None else content)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    rewrite(broken, lambda m: m["tokenizer"]["file"].update(sha256=digest))
    rewrite(broken, lambda m: m["tokenizer"].update(pad_token_id=pad_token_id))
    with pytest.raises(BundleCorrupt, match="tokenizer.json cannot serve as tokenizer"):
        open_editor(broken, backend="fake")
