from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from train.instructions import corpus
from train.recipe import TextRecipe
from train.text import build_text_encoder, build_tokenizer, token_ids

RECIPE = TextRecipe(width=16, layers=1, heads=2, length=32, merges=300)
UNSEEN_SEED = 1000


@functools.cache
def built(recipe: TextRecipe = RECIPE) -> CLIPTokenizer:
    return build_tokenizer(recipe)


@functools.cache
def sentences() -> tuple[str, ...]:
    """Of a generator that the vocabulary was not learned from."""
    return tuple(corpus(np.random.default_rng(UNSEEN_SEED)))


@functools.cache
def characters() -> str:
    """The Chinese characters of instructions, without punctuation."""
    return "".join(sorted({c for c in "".join(sentences()) if "\u4e00" <= c <= "\u9fff"}))


@pytest.fixture
def tokenizer() -> CLIPTokenizer:
    return built()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("把猫变成红色 make it\uff0c", max_size=60))
def test_any_text_survives_the_round_trip_but_for_case_and_spaces(text: str) -> None:
    made = built()
    ids = made(text, add_special_tokens=False).input_ids
    assert made.unk_token_id not in ids
    normal = made.backend_tokenizer.normalizer.normalize_str(text)
    assert "".join(made.decode(ids).split()) == "".join(normal.split())


def test_saved_tokenizer_reads_the_same_with_and_without_transformers(
    tokenizer: CLIPTokenizer, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    alone = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert again.model_max_length == 32
    odd = ("Make it NIGHT!", "quixotic żółw 中文 😀", "", "把car变成蓝色的，谢谢！")
    for text in (*odd, *sentences()[::500]):
        assert again(text).input_ids == tokenizer(text).input_ids
        assert alone.encode(text).ids == tokenizer(text).input_ids


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


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_character_has_the_same_token_whatever_its_neighbours(data: st.DataObject) -> None:
    known = st.text(characters(), min_size=1, max_size=12)
    before, character, after = data.draw(known), data.draw(known)[0], data.draw(known)
    made = built()
    tokens = made.tokenize(before + character + after)
    assert len(tokens) == len(before) + 1 + len(after)
    assert tokens[len(before)] == made.tokenize(character + "的")[0]
    assert made.tokenize(before + character)[-1] == made.tokenize(character)[0]


def test_every_instruction_of_the_grammar_fits_in_either_language() -> None:
    recipe = TextRecipe()
    made = built(recipe)
    assert len(made) <= 4500
    lengths = [len(ids) for ids in made(list(sentences())).input_ids]
    assert max(lengths) <= recipe.length
    chinese = [n for n, text in zip(lengths, sentences(), strict=True) if not text.isascii()]
    assert len(chinese) > len(lengths) / 3
    assert max(chinese) <= recipe.length


def test_words_of_instructions_have_a_token_and_typing_errors_have_none() -> None:
    made = built(TextRecipe())
    for word in ("make", "the", "bicycle", "pumpkin", "turquoise", "watercolour", "background"):
        assert len(made.tokenize(word)) == 1, word
    for word in ("bicylce", "turqoise", "watrecolour", "pumkpin"):
        assert len(made.tokenize(word)) > 1, word
