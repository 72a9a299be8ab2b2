"""The text side: a tokenizer of CLIP's kind with its own vocabulary, and a small text encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train.edits import EDITS
from train.instructions import write
from train.recipe import TextRecipe
from train.samples import generator

_SUFFIX = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORDS = Path(__file__).with_name("words.txt")
_SENTENCES_PER_EDIT = 400


def corpus() -> Iterator[str]:
    """What the vocabulary is learned from: instructions, and common words with less weight."""
    for number, edit in enumerate(EDITS):
        for index in range(_SENTENCES_PER_EDIT):
            yield write(edit, generator(number, index))
    for _ in range(20):
        yield from _WORDS.read_text().splitlines()


def _learn_merges(count: int) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent first, after CLIP's own splitting into words."""
    frame = CLIPTokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE(end_of_word_suffix=_SUFFIX))
    learner.normalizer = frame.normalizer
    learner.pre_tokenizer = frame.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=512 + count,
        min_frequency=15,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix=_SUFFIX,
    )
    learner.train_from_iterator(corpus(), trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges][:count]


def build_tokenizer(recipe: TextRecipe) -> CLIPTokenizer:
    """A tokenizer in CLIP's layout: 256 bytes, the same ending a word, merges, start, end. Any
    text has tokens, since every byte has; it is lower-cased first."""
    merges = _learn_merges(recipe.merges)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + _SUFFIX for letter in letters)]
    pieces += dict.fromkeys(left + right for left, right in merges)
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    for token in (_START, _END):
        vocabulary[token] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=recipe.length)


def build_text_encoder(recipe: TextRecipe, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A fresh encoder: ids ``[B, length]`` to states ``[B, length, width]``."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=4 * recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=recipe.length,
        projection_dim=recipe.width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Ids ``[B, length]``, cut and padded as the pipeline does."""
    ids = tokenizer(texts, padding="max_length", truncation=True).input_ids
    return torch.tensor(ids, dtype=torch.long)
