"""The text side: a tokenizer of CLIP's kind with its own vocabulary, and a small text encoder.

CLIP's tokenizer takes a run of Chinese for one word, since there are no spaces in it. Merges
learned from such words would cut a sentence here or there depending on its neighbours, so the
merges of characters are not learned: each character of the corpus is one token, and another one
where it ends a run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train.captions import phrases
from train.instructions import corpus
from train.recipe import TextRecipe

Merge = tuple[str, str]

_SUFFIX = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"
# The corpus is drawn so often, for rare characters; a word that all of it has less than `_SEEN`
# times is a typing error. A common error may have its token.
_PASSES = 3
_SEEN = 6


def _pieces(texts: Iterable[str]) -> Counter[str]:
    """How often CLIP's own splitting gives each word, its bytes written as letters."""
    frame = CLIPTokenizer().backend_tokenizer
    counts: Counter[str] = Counter()
    for text in texts:
        normal = frame.normalizer.normalize_str(text)
        counts.update(piece for piece, _ in frame.pre_tokenizer.pre_tokenize_str(normal))
    return counts


def _character_merges(text: str) -> list[Merge]:
    """Joins the bytes of every character outside ASCII, inside a word and at its end."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merges: dict[Merge, None] = {}
    for character in sorted({c for c in text if not c.isascii() and not c.isspace()}):
        letters = level.pre_tokenize_str(character)[0][0]
        merges.update({(letters[:i], letters[i]): None for i in range(1, len(letters))})
        merges[letters[:-1], letters[-1] + _SUFFIX] = None
    return list(merges)


def _word_merges(counts: Counter[str]) -> list[Merge]:
    """Byte-pair merges of the words in ASCII, most frequent first."""
    learner = Tokenizer(models.BPE(end_of_word_suffix=_SUFFIX))
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,
        min_frequency=_SEEN,
        show_progress=False,
        end_of_word_suffix=_SUFFIX,
    )
    words = sorted(word for word in counts if word.isascii() and counts[word] >= _SEEN)
    learner.train_from_iterator((word for word in words for _ in range(counts[word])), trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges]


@cache
def _merges() -> tuple[list[Merge], list[Merge]]:
    """Merges of characters and of words; seconds of work, the same at every call."""
    texts = [text for seed in range(_PASSES) for text in corpus(np.random.default_rng(seed))]
    texts += _SEEN * list(phrases())
    return _character_merges("".join(texts)), _word_merges(_pieces(texts))


def build_tokenizer(recipe: TextRecipe) -> CLIPTokenizer:
    """A tokenizer in CLIP's layout: 256 bytes, the same ending a word, merges, start, end. Any
    text has tokens, since every byte has; it is lower-cased first. Of the merges of words it has
    at most ``recipe.merges``, of those of characters all."""
    of_characters, of_words = _merges()
    merges = of_characters + of_words[: recipe.merges]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + _SUFFIX for letter in letters)]
    pieces += [left + right for left, right in merges]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    for token in (_START, _END):
        vocabulary[token] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=recipe.length)


def text_config(recipe: TextRecipe, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """What the checkpoint's text encoder and the text tower of CLIP have in common: all."""
    return CLIPTextConfig(
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


def build_text_encoder(recipe: TextRecipe, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A fresh encoder: ids ``[B, length]`` to states ``[B, length, width]``."""
    return CLIPTextModel(text_config(recipe, tokenizer))


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Ids ``[B, length]``, cut and padded as the pipeline does."""
    ids = tokenizer(texts, padding="max_length", truncation=True).input_ids
    return torch.tensor(ids, dtype=torch.long)
