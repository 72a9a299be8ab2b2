from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from train.recipe import TextRecipe
from train.text import build_text_encoder, build_tokenizer, token_ids

RECIPE = TextRecipe(width=16, layers=1, heads=2, length=32, merges=300)


@functools.cache
def built() -> CLIPTokenizer:
    return build_tokenizer(RECIPE)


@pytest.fixture
def tokenizer() -> CLIPTokenizer:
    return built()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_survives_the_round_trip_but_for_case_and_spaces(text: str) -> None:
    made = built()
    ids = made(text, add_special_tokens=False).input_ids
    assert made.unk_token_id not in ids
    normal = made.backend_tokenizer.normalizer.normalize_str(text)
    assert "".join(made.decode(ids).split()) == "".join(normal.split())


def test_saved_tokenizer_reads_the_same(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    assert again.model_max_length == 32
    for text in ("Make it NIGHT!", "quixotic żółw 中文 😀", ""):
        assert again(text).input_ids == tokenizer(text).input_ids


def test_ids_are_cut_and_padded_to_the_length_that_the_encoder_reads(
    tokenizer: CLIPTokenizer,
) -> None:
    ids = token_ids(tokenizer, ["night", "night " * 100])
    assert ids.shape == (2, 32)
    assert ids[0, 0] == tokenizer.bos_token_id
    assert (ids[0, 3:] == tokenizer.pad_token_id).all()
    assert ids[1, -1] == tokenizer.eos_token_id
    with torch.no_grad():
        states = build_text_encoder(RECIPE, tokenizer)(ids)[0]
    assert states.shape == (2, 32, 16)
