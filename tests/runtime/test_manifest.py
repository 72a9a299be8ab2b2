"""The manifest is a closed document: it round-trips, and anything else is refused by name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import Bundle, BundleCorrupt, BundleError, BundleIncompatible, Manifest
from runtime.built_for import BuiltFor, EngineLibrary, Span
from runtime.manifest import (
    GRAPH_NAMES,
    MANIFEST_FILE,
    SCHEMA_VERSION,
    File,
    Model,
    NoiseSchedule,
    Parity,
    Port,
    PredictionType,
    Tokenizer,
    Variant,
)
from runtime.projection import Projection
from tests.fake_bundle import write_fake_bundle

Json = dict[str, Any]
Where = tuple[str | int, ...]

text = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text("abcdefgh_-. é", min_size=1, max_size=8).filter(lambda s: s.strip("."))
files = st.builds(
    File,
    path=st.lists(names, min_size=1, max_size=3).map("/".join),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)
ports = st.builds(Port, text, text, st.lists(st.integers(1, 99) | names, max_size=4).map(tuple))
port_tuples = st.lists(ports, max_size=2).map(tuple)
spans = st.builds(lambda least, more: Span(least, least + more), st.integers(1), st.integers(0))
precisions = st.sampled_from(["fp32", "fp16", "int8"])
variants = st.builds(
    Variant,
    precision=precisions,
    file=files,
    data=st.lists(files, max_size=2).map(tuple),
    inputs=port_tuples,
    outputs=port_tuples,
    built_for=st.none()
    | st.builds(
        BuiltFor,
        library=st.sampled_from(get_args(EngineLibrary)),
        version=text,
        compute=st.lists(text, max_size=2).map(tuple),
        any_version=st.booleans(),
        any_gpu=st.booleans(),
        rows=spans,
        side=spans,
    ),
)
schedules = st.builds(
    NoiseSchedule,
    alphas_cumprod=st.lists(st.floats(0, 0.999), min_size=2, max_size=5).map(
        lambda values: tuple(sorted(values, reverse=True))
    ),
    timestep_spacing=st.sampled_from([None, "linspace", "leading", "trailing"]),
    steps_offset=st.integers(0, 1),
    set_alpha_to_one=st.booleans(),
) | st.builds(
    NoiseSchedule,
    alphas_cumprod=st.tuples(st.floats(0.6, 0.999), st.floats(0.001, 0.5)),
    timestep_spacing=st.none(),
    steps_offset=st.just(0),
    set_alpha_to_one=st.just(True),
    continuous=st.just(True),
)
models = st.builds(
    lambda factor, **facts: Model(size_multiple=facts["downscale"] * factor, **facts),
    factor=st.integers(1, 8),
    latent_channels=st.integers(1, 16),
    downscale=st.integers(1, 32),
    text_width=st.integers(1, 4096),
    prediction_type=st.sampled_from(get_args(PredictionType)),
    languages=st.lists(text, max_size=2).map(tuple),
)
parities = st.builds(
    Parity,
    graph=st.sampled_from([*GRAPH_NAMES, "edit"]),
    precision=precisions,
    backend=text,
    output=text,
    max_error=finite,
    mean_error=finite,
    bound=st.none() | finite,
)
threes = st.tuples(finite, finite, finite)
tokenizers = st.builds(Tokenizer, files, st.just(77), st.integers(0, 60_000))
manifests = st.builds(
    lambda model, second, pooled, zero, preview, **rest: Manifest(
        model=dataclasses.replace(
            model, pooled_width=pooled if second else None, zero_empty_text=zero
        ),
        tokenizer_2=second,
        preview=preview and Projection(preview.matrix * model.latent_channels, preview.bias),
        **rest,
    ),
    preview=st.none() | st.builds(Projection, st.tuples(threes), threes),
    second=st.none() | tokenizers,
    pooled=st.integers(1, 2048),
    zero=st.booleans(),
    schema_version=st.just(SCHEMA_VERSION),
    name=text,
    created_by=text,
    licence=text,
    model=models,
    noise_schedule=schedules,
    tokenizer=tokenizers,
    defaults=st.dictionaries(text, st.integers() | finite | text, max_size=3),
    graphs=st.fixed_dictionaries(
        {name: st.lists(variants, min_size=1, max_size=2).map(tuple) for name in GRAPH_NAMES}
    ),
    parity=st.lists(parities, max_size=2).map(tuple),
)


@settings(max_examples=12)
@given(manifests)
def test_a_manifest_survives_the_round_trip(manifest: Manifest) -> None:
    assert Manifest.loads(manifest.dumps()) == manifest


def test_fields_with_a_default_may_be_left_out_and_are(bundle: Bundle, document: str) -> None:
    """So that bundles made before there was such a field stay as they are."""
    written = json.loads(document)
    optional = [("model", "pooled_width"), ("model", "zero_empty_text"), ("tokenizer_2",)]
    for *where, key in [*optional, ("noise_schedule", "continuous")]:
        assert key not in at(written, tuple(where))
    model = Manifest.loads(document).model
    assert (model.pooled_width, model.zero_empty_text) == (None, False)
    mini = Path(__file__).parents[2] / "models" / "mini" / MANIFEST_FILE
    assert Manifest.loads(mini.read_text()).dumps() == mini.read_text()


def test_texts_of_two_encoders_have_one_length(tmp_path: Path) -> None:
    document = (write_fake_bundle(tmp_path / "xl", pooled_width=8) / MANIFEST_FILE).read_text()
    assert len(Manifest.loads(document).tokenizers()) == 2
    with pytest.raises(BundleCorrupt, match=r"max_length of the tokenizers differs: \[7, 16\]"):
        Manifest.loads(altered(document, ("tokenizer_2", "max_length"), 7))
    data = json.loads(document)
    del data["tokenizer_2"]
    with pytest.raises(BundleCorrupt, match="tokenizer_2 and pooled_width go together"):
        Manifest.loads(json.dumps(data))


@pytest.mark.parametrize("ends", [[0.9, 0.5, 0.1], [0.5, 0.5], [0.9, 0.0]])
def test_a_continuous_schedule_is_its_two_ends(document: str, ends: list[float]) -> None:
    continuous = altered(document, ("noise_schedule", "continuous"), True)
    offset = altered(continuous, ("noise_schedule", "steps_offset"), 0)
    key = ("noise_schedule", "alphas_cumprod")
    assert Manifest.loads(altered(offset, key, [0.9, 0.1])).noise_schedule.continuous
    with pytest.raises(BundleCorrupt, match="continuous schedule are its two ends"):
        Manifest.loads(altered(offset, key, ends))


@pytest.fixture(scope="module")
def document(bundle: Bundle) -> str:
    schedule = bundle.manifest.noise_schedule
    short = dataclasses.replace(schedule, alphas_cumprod=schedule.alphas_cumprod[::100])
    return dataclasses.replace(bundle.manifest, noise_schedule=short).dumps()


def paths(value: Any, where: Where = ()) -> list[Where]:
    """Of every value in a JSON document; of a long list, the first."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value[:1]))
    return [where, *(path for key, item in inner for path in paths(item, (*where, key)))]


def at(data: Any, where: Where) -> Any:
    for key in where:
        data = data[key]
    return data


def altered(document: str, where: Where, value: Any) -> str:
    data = json.loads(document)
    at(data, where[:-1])[where[-1]] = value
    return json.dumps(data)


def objects(document: str) -> list[Where]:
    """Paths of the objects with fixed keys."""
    data = json.loads(document)
    found = [path for path in paths(data) if isinstance(at(data, path), dict)]
    return [path for path in found if path not in [("defaults",), ("graphs",)]]


def test_an_unknown_key_is_refused_at_every_level(document: str) -> None:
    levels = objects(document)
    assert len(levels) >= 5
    for where in levels:
        with pytest.raises(BundleCorrupt, match="unknown keys: surprise"):
            Manifest.loads(altered(document, (*where, "surprise"), 1))
    with pytest.raises(BundleCorrupt, match="surprise"):
        Manifest.loads(altered(document, ("graphs", "surprise"), []))


def test_a_missing_key_is_refused_at_every_level(document: str) -> None:
    for where in objects(document):
        for key in at(json.loads(document), where).keys() - {"preview"}:  # which is optional
            data = json.loads(document)
            del at(data, where)[key]
            with pytest.raises(BundleError, match=key):
                Manifest.loads(json.dumps(data))


@pytest.mark.parametrize("wrong", [None, True, 1, 2.5, "x", [], {}, [[]], [None], {"x": None}])
def test_a_value_of_the_wrong_kind_is_refused(document: str, wrong: object) -> None:
    """Refused, or (where that kind is allowed) read as exactly this value; never another error."""
    data = json.loads(document)
    for where in paths(data)[1:]:
        changed = altered(document, where, wrong)
        try:
            read = json.loads(Manifest.loads(changed).dumps())
        except BundleError:
            continue
        if wrong is None and where == ("preview",):  # its default, which is left out
            assert "preview" not in read
            continue
        assert at(read, where) == wrong
        assert type(at(read, where)) is type(wrong) or isinstance(at(data, where), float)


@pytest.mark.parametrize("graph", GRAPH_NAMES)
@pytest.mark.parametrize("change", [lambda graphs, name: graphs.pop(name), lambda g, n: g[n].pop()])
def test_every_graph_is_needed(
    document: str, graph: str, change: Callable[[Json, str], object]
) -> None:
    data = json.loads(document)
    change(data["graphs"], graph)
    with pytest.raises(BundleCorrupt, match=graph):
        Manifest.loads(json.dumps(data))


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "1", None, 10**400])
def test_another_schema_version_is_incompatible(document: str, version: object) -> None:
    with pytest.raises(BundleIncompatible, match="export the checkpoint again"):
        Manifest.loads(altered(document, ("schema_version",), version))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_refused(document: str, number: str) -> None:
    changed = altered(document, ("noise_schedule", "alphas_cumprod", 0), "here")
    with pytest.raises(BundleCorrupt):
        Manifest.loads(changed.replace('"here"', number))


@pytest.mark.parametrize("name", ["latent_channels", "downscale", "size_multiple", "text_width"])
@pytest.mark.parametrize("value", [-1, 0, 10**6, 10**300])
def test_sizes_are_bounded(document: str, name: str, value: int) -> None:
    with pytest.raises(BundleCorrupt, match=rf"{name} .* is not in \[1, 65536\]"):
        Manifest.loads(altered(document, ("model", name), value))


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("tokenizer", "max_length"), 0, "max_length 0"),
        (("tokenizer", "max_length"), 10**12, "max_length 1e"),
        (("tokenizer", "pad_token_id"), -1, "pad_token_id -1"),
        (("noise_schedule", "steps_offset"), -1, "steps_offset -1"),
        (("noise_schedule", "steps_offset"), 10, r"steps_offset 10 is not in \[0, 9\]"),
        (("noise_schedule", "alphas_cumprod"), [0.5], "at least 2"),
        (("noise_schedule", "alphas_cumprod"), [1.0, 0.5], r"\[0, 1\)"),  # its sigma would be 0
        (("noise_schedule", "alphas_cumprod"), [0.5, -0.1], r"\[0, 1\)"),
        (("noise_schedule", "alphas_cumprod"), [0.4, 0.5], "must not increase"),
        (("model", "size_multiple"), 12, "no multiple of downscale 8"),
        (("model", "pooled_width"), 0, r"pooled_width 0 is not in \[1, 65536\]"),
        (("model", "pooled_width"), 32, "tokenizer_2 and pooled_width go together"),
        (("noise_schedule", "continuous"), True, "its two ends"),
    ],
)
def test_facts_that_cannot_be_are_refused(
    document: str, where: Where, value: object, message: str
) -> None:
    with pytest.raises(BundleCorrupt, match=message):
        Manifest.loads(altered(document, where, value))


@pytest.mark.parametrize(
    "path",
    ["", ".", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a\\b", "C:\\x", "a\0b"],
)
def test_a_path_outside_the_bundle_is_refused(document: str, path: str) -> None:
    with pytest.raises(BundleCorrupt, match="not inside the bundle"):
        Manifest.loads(altered(document, ("tokenizer", "file", "path"), path))


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64])
def test_a_digest_is_64_lower_hex_digits(document: str, digest: str) -> None:
    with pytest.raises(BundleCorrupt, match="64 hex digits"):
        Manifest.loads(altered(document, ("tokenizer", "file", "sha256"), digest))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "3", '"x"', "{}{}", "[" * 100_000, "1" * 5000, "\ufeff{}"]
)
def test_what_is_no_object_is_refused(content: str) -> None:
    with pytest.raises(BundleCorrupt, match=r"manifest\.json"):
        Manifest.loads(content)


@given(st.integers(0, 2000))
def test_a_truncated_manifest_is_refused(bundle: Bundle, length: int) -> None:
    content = bundle.manifest.dumps()
    assert len(content) > 2000
    with pytest.raises(BundleCorrupt, match="not JSON"):
        Manifest.loads(content[:length])
