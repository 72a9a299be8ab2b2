"""Weights packages: what they hold, whom they fit, and what becomes of damaged ones."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import Bundle, BundleCorrupt, BundleError, BundleIncompatible, BundleNotFound
from runtime.manifest import MANIFEST_FILE, Manifest
from runtime.weights.difference import BLOCK, write_package
from runtime.weights.header import MAGIC, Range
from runtime.weights.package import Package
from runtime.weights.scratch import remove_abandoned
from runtime.weights.scratch import scratch as temporary
from tests.fake_bundle import with_tick, write_fake_bundle
from tests.runtime.fake_tensorrt import write_engine_bundle

TICK = bytes(range(256)) * 64 + b"end"  # four blocks and a part of one


def bundle_of(path: Path, tick: bytes = TICK, **facts: Any) -> Bundle:
    """A fake bundle whose `tick` graph holds these bytes; `facts` are of its manifest."""
    return with_tick(write_fake_bundle(path), tick, **facts)


def altered(*places: int) -> bytes:
    data = bytearray(TICK)
    for place in places:
        data[place] ^= 1
    return bytes(data)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(tmp_path_factory.mktemp("weights") / "base")


@pytest.fixture
def package(base: Bundle, tmp_path: Path) -> Path:
    """Of a change in the second block and in the last one."""
    changed = bundle_of(tmp_path / "night", altered(BLOCK + 7, len(TICK) - 1), licence="MIT")
    write_package(base, changed, tmp_path / "night.weights")
    return tmp_path / "night.weights"


def test_applied_it_is_the_changed_bundle_under_the_base_s_name(
    base: Bundle, package: Path, tmp_path: Path
) -> None:
    made = Package.open(package).apply(base, tmp_path / "made")
    changed = Bundle.open(tmp_path / "night")
    assert made.manifest == dataclasses.replace(changed.manifest, name="base")
    assert made.manifest.digest() == Package.open(package).digest
    for file in changed.manifest.files():
        assert (made.path / file.path).read_bytes() == (changed.path / file.path).read_bytes()
    assert (base.path / "tick.onnx").read_bytes() == TICK  # which is served meanwhile


def test_it_holds_the_blocks_that_changed_alone(package: Path) -> None:
    header = Package.open(package).header
    assert [patch.path for patch in header.patches] == ["tick.onnx"]
    assert header.patches[0].ranges == (Range(BLOCK, BLOCK), Range(4 * BLOCK, 3))
    assert header.size == BLOCK + 3


def test_what_is_unchanged_is_linked_or_copied(
    base: Bundle, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = Package.open(package).apply(base, tmp_path / "linked").path
    assert (linked / "text_encoder.onnx").samefile(base.path / "text_encoder.onnx")

    def refuse(source: Path, target: Path) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    copied = Package.open(package).apply(base, tmp_path / "copied").path
    assert not (copied / "text_encoder.onnx").samefile(base.path / "text_encoder.onnx")


def test_a_base_of_links_is_served_with_a_package_too(tmp_path: Path) -> None:
    """Mounted volumes hold links to a folder beside them."""
    base = bundle_of(tmp_path / "base")
    (base.path / "held").mkdir()
    for name in ("text_encoder.onnx", "tick.onnx"):
        (base.path / name).rename(base.path / "held" / name)
        (base.path / name).symlink_to(Path("held", name))
    base = Bundle.open(base.path)
    changed = bundle_of(tmp_path / "changed", altered(7))
    write_package(base, changed, tmp_path / "package")
    made = Package.open(tmp_path / "package").apply(base, tmp_path / "made")
    assert (made.path / "tick.onnx").read_bytes() == altered(7)
    assert (base.path / "tick.onnx").read_bytes() == TICK


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    write_fake_bundle(folder / "changed")
    return folder


@settings(max_examples=15)
@given(places=st.sets(st.integers(0, len(TICK) - 1), max_size=9))
def test_any_change_is_restored(places: set[int], base: Bundle, scratch: Path) -> None:
    changed = with_tick(scratch / "changed", altered(*places))
    write_package(base, changed, scratch / "package")
    package = Package.open(scratch / "package")
    with TemporaryDirectory() as made:
        package.apply(base, made)
        assert (Path(made) / "tick.onnx").read_bytes() == altered(*places)
    assert package.header.size <= BLOCK * len(places)


def test_a_large_file_is_compared_in_parts(base: Bundle, tmp_path: Path) -> None:
    large = np.zeros(3 * 1024 * BLOCK + 5, np.uint8)
    one = bundle_of(tmp_path / "one", large.tobytes())
    large[1024 * BLOCK - 1 : 1024 * BLOCK + 1] = 1  # across the parts
    large[-1] = 1
    write_package(one, bundle_of(tmp_path / "other", large.tobytes()), tmp_path / "package")
    (patch,) = Package.open(tmp_path / "package").header.patches
    assert patch.ranges == (
        Range(1023 * BLOCK, 2 * BLOCK),
        Range(3 * 1024 * BLOCK, 5),
    )


def test_engines_are_left_out(tmp_path: Path) -> None:
    base = write_engine_bundle(tmp_path / "base")
    write_engine_bundle(tmp_path / "changed")
    with_tick(tmp_path / "changed", b"kcit")
    write_package(base, Bundle.open(tmp_path / "changed"), tmp_path / "package")
    made = Package.open(tmp_path / "package").apply(base, tmp_path / "made")
    assert {v.built_for for variants in made.manifest.graphs.values() for v in variants} == {None}


def test_a_directory_that_holds_something_is_left_alone(
    base: Bundle, package: Path, tmp_path: Path
) -> None:
    Package.open(package).apply(base, tmp_path / "made")
    with pytest.raises(BundleError, match="made is not empty; name another"):
        Package.open(package).apply(base, tmp_path / "made")
    assert Bundle.open(base.path) == base


# Whom it fits


def test_another_base_is_refused_with_both_digests(
    base: Bundle, package: Path, tmp_path: Path
) -> None:
    other = bundle_of(tmp_path / "other", altered(1))
    with pytest.raises(BundleIncompatible) as caught:
        Package.open(package).apply(other, tmp_path / "made")
    told = str(caught.value)
    assert base.manifest.digest() in told
    assert other.manifest.digest() in told
    assert "--onto" in told
    assert not (tmp_path / "made").exists()


DIFFERENT: dict[str, Callable[[Manifest], dict[str, Any]]] = {
    "model": lambda m: {"model": dataclasses.replace(m.model, prediction_type="v_prediction")},
    "noise_schedule": lambda m: {
        "noise_schedule": dataclasses.replace(m.noise_schedule, steps_offset=0)
    },
    "preview": lambda m: {"preview": None},
    "tokenizer": lambda m: {"tokenizer": dataclasses.replace(m.tokenizer, pad_token_id=1)},
    "text_encoder": lambda m: {
        "graphs": {
            name: tuple(dataclasses.replace(v, precision="fp16") for v in variants)
            for name, variants in m.graphs.items()
        }
    },
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_architecture_is_refused(what: str, base: Bundle, tmp_path: Path) -> None:
    manifest = Manifest.loads((base.path / MANIFEST_FILE).read_text())
    changed = Bundle(base.path, dataclasses.replace(manifest, **DIFFERENT[what](manifest)))
    with pytest.raises(BundleIncompatible, match=f"more than the weights differ: {what} is"):
        write_package(base, changed, tmp_path / "package")
    assert not list(tmp_path.iterdir())


def test_a_schedule_that_another_processor_summed_is_the_base_s(
    base: Bundle, tmp_path: Path
) -> None:
    """The last digits of its float32 differ between two machines."""
    changed = bundle_of(tmp_path / "changed", altered(7))
    schedule = changed.manifest.noise_schedule
    levels = np.nextafter(np.array(schedule.alphas_cumprod, np.float32), np.float32(0))
    summed = dataclasses.replace(schedule, alphas_cumprod=tuple(levels.tolist()))
    assert summed != base.manifest.noise_schedule
    elsewhere = with_tick(changed.path, altered(7), noise_schedule=summed)
    write_package(base, elsewhere, tmp_path / "package")
    made = Package.open(tmp_path / "package").apply(base, tmp_path / "made")
    assert made.manifest.noise_schedule == base.manifest.noise_schedule


def test_a_schedule_of_other_levels_is_refused(base: Bundle, tmp_path: Path) -> None:
    schedule = base.manifest.noise_schedule
    levels = (*schedule.alphas_cumprod[:-1], schedule.alphas_cumprod[-1] * 0.99)
    other = dataclasses.replace(schedule, alphas_cumprod=levels)
    changed = with_tick(bundle_of(tmp_path / "changed").path, TICK, noise_schedule=other)
    with pytest.raises(BundleIncompatible, match="more than the weights differ: noise_schedule is"):
        write_package(base, changed, tmp_path / "package")


def test_another_length_is_refused(base: Bundle, tmp_path: Path) -> None:
    changed = bundle_of(tmp_path / "changed", TICK + b"!")
    with pytest.raises(BundleIncompatible, match=f"tick.onnx has {len(TICK) + 1} bytes, in the ba"):
        write_package(base, changed, tmp_path / "package")
    assert not (tmp_path / "package").exists()


# Temporary folders


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "retouch-weights-left").mkdir()
    (tmp_path / "retouch-weights-left" / "tick.onnx").write_bytes(TICK)
    (tmp_path / "retouch-weights-file").write_bytes(TICK)
    (tmp_path / "other").mkdir()
    (tmp_path / "retouch-weights-link").symlink_to(tmp_path / "other")
    with temporary() as used:
        remove_abandoned()
        kept = {"other", "retouch-weights-file", "retouch-weights-link"}
        assert {path.name for path in tmp_path.iterdir()} == {used.name, *kept}


# Packages come from outside


def test_no_package(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", "pipe", "."):
        with pytest.raises(BundleNotFound, match="--onto"):
            Package.open(tmp_path / name)


@pytest.mark.parametrize("length", [0, 7, 12, 16, 500, -1])
def test_a_truncated_one(length: int, package: Path) -> None:
    package.write_bytes(package.read_bytes()[:length])
    with pytest.raises(BundleCorrupt, match=r"^night\.weights: it (is no|ends|holds)"):
        Package.open(package)


def test_bytes_too_many(package: Path) -> None:
    package.write_bytes(package.read_bytes() + b"!")
    told = f"it holds {BLOCK + 4} bytes of weights, its header says {BLOCK + 3}"
    with pytest.raises(BundleCorrupt, match=told):
        Package.open(package)


@pytest.mark.parametrize("place", [-1, -BLOCK])
def test_a_flipped_bit_of_the_weights(
    place: int, base: Bundle, package: Path, tmp_path: Path
) -> None:
    data = bytearray(package.read_bytes())
    data[place] ^= 1
    package.write_bytes(data)
    with pytest.raises(BundleCorrupt, match=r"night\.weights: tick\.onnx has SHA-256"):
        Package.open(package).apply(base, tmp_path / "made")


def rewrite(package: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the package with a changed header."""
    data = package.read_bytes()
    end = 16 + int.from_bytes(data[8:16], "little")
    header = json.loads(data[16:end])
    change(header)
    text = json.dumps(header).encode()
    package.write_bytes(MAGIC + len(text).to_bytes(8, "little") + text + data[end:])


def patched(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header["patches"][0].update(fields)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "version": (lambda header: header.update(version=2), "version 2, this runtime reads 1"),
    "unknown": (lambda header: header.update(extra=1), "unknown keys: extra"),
    "missing": (lambda header: header.pop("base"), "lacks keys: base"),
    "outside": (patched(path="../tick.onnx"), "are not of one graph file each"),
    "tokenizer": (patched(path="tokenizer.json"), "are not of one graph file each"),
    "twice": (
        lambda header: header.update(patches=2 * header["patches"]),
        "are not of one graph file each",
    ),
    "overlap": (
        patched(ranges=[{"start": 0, "length": BLOCK}, {"start": BLOCK - 1, "length": 3}]),
        "does not follow byte 4096",
    ),
    "negative": (
        patched(ranges=[{"start": -1, "length": BLOCK}, {"start": BLOCK, "length": 3}]),
        "does not follow byte 0",
    ),
    "empty": (patched(ranges=[{"start": 0, "length": 0}]), "does not follow byte 0"),
    "text": (patched(ranges="all"), "not a list"),
    "escape": (
        lambda header: header["manifest"]["graphs"]["tick"][0]["file"].update(path="../x"),
        "is not inside the bundle",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_tampered_header(name: str, package: Path) -> None:
    change, told = HEADERS[name]
    rewrite(package, change)
    with pytest.raises(BundleError, match=rf"^night\.weights: .*{told}"):
        Package.open(package)


def test_a_range_beyond_the_file(base: Bundle, package: Path, tmp_path: Path) -> None:
    far = [{"start": 0, "length": BLOCK}, {"start": 10**15, "length": 3}]
    rewrite(package, patched(ranges=far))
    with pytest.raises(BundleCorrupt, match=f"changes byte {10**15 + 3} of tick.onnx, which has"):
        Package.open(package).apply(base, tmp_path / "made")
    assert (tmp_path / "made" / "tick.onnx").stat().st_size == len(TICK)


def test_a_header_without_end(package: Path) -> None:
    package.write_bytes(MAGIC + (2**40).to_bytes(8, "little") + b"{")
    with pytest.raises(BundleCorrupt, match=f"its header has {2**40} bytes, at most"):
        Package.open(package)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{", b"[]", b"\xff", b'{"version": NaN}'])
def test_a_header_that_is_no_object(text: bytes, package: Path) -> None:
    package.write_bytes(MAGIC + len(text).to_bytes(8, "little") + text)
    with pytest.raises(BundleCorrupt, match="its header is"):
        Package.open(package)


def test_a_full_disk_leaves_no_package(
    base: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = bundle_of(tmp_path / "changed", altered(1))

    def full(path: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_package(base, changed, tmp_path / "package")
    assert [path.name for path in tmp_path.iterdir()] == ["changed"]
