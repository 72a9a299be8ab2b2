"""The bundle's tokenizer gives the ids that the checkpoint's transformers tokenizer gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.checkpoint import open_checkpoint
from export.pack import digest, write_tokenizer
from runtime.manifest import Tokenizer
from runtime.text import TextTokenizer
from tests.tiny import MAX_LENGTH

ODD = [
    "",
    " ",
    "make it night",
    "MAKE  it\tNight\n",
    "turn the sky red " * 40,
    "naïve café, señor — “quoted”",
    "把天空变成红色",
    "🌙🌃👩‍👩‍👧 make it 🖤",
    "it's 3/4 black&white <|endoftext|> <|startoftext|> </w>",
    "\u0000\u200b\ufeff\U0010ffff",
    "e\u0301 versus \u00e9",
]


@pytest.fixture(scope="module")
def both(
    tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, TextTokenizer]:
    original = open_checkpoint(tiny_checkpoint).tokenizer()
    path = write_tokenizer(tmp_path_factory.mktemp("tokenizer"), "tokenizer", original)
    spec = Tokenizer(digest(path.parent, path), MAX_LENGTH, original.pad_token_id)
    return original, TextTokenizer(path, spec)


def same_ids(both: tuple[Any, TextTokenizer], text: str) -> bool:
    original, exported = both
    expected = original(text, padding="max_length", truncation=True, max_length=MAX_LENGTH)
    return bool(exported.encode(text).tolist() == expected.input_ids)


@pytest.mark.parametrize("text", ODD)
def test_odd_strings(both: tuple[Any, TextTokenizer], text: str) -> None:
    assert same_ids(both, text)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_string(both: tuple[Any, TextTokenizer], text: str) -> None:
    assert same_ids(both, text)


def test_no_padding_or_truncation_is_stored_even_after_use(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    tokenizer = open_checkpoint(tiny_checkpoint).tokenizer()
    tokenizer("make it night", padding="max_length", truncation=True, max_length=8)
    stored = json.loads(write_tokenizer(tmp_path, "tokenizer", tokenizer).read_text())
    assert stored["padding"] is None
    assert stored["truncation"] is None
    assert (tmp_path / "tokenizer.json").exists()
