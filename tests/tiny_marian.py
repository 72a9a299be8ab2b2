"""A Marian model with random weights, converted as OPUS-MT models are."""

from __future__ import annotations

import io
import json
import shutil
import warnings
from pathlib import Path

import sentencepiece
import torch
from ctranslate2.converters import TransformersConverter
from transformers import MarianConfig, MarianMTModel

_SENTENCES = {
    "source": [
        "把猫换成狗",
        "去掉左边的车",
        "让画面变成夜晚",
        "给女孩戴上红色的帽子",
        "春眠不觉晓",
    ],
    "target": ["replace the cat with a dog", "remove the car on the left", "make it night"],
}


def write_tiny_marian(path: Path) -> Path:
    """The directory of the converted model, inside `path`."""
    checkpoint = path / "checkpoint"
    checkpoint.mkdir()
    pieces: dict[str, int] = {"</s>": 0, "<unk>": 1}
    for side, sentences in _SENTENCES.items():
        model = _sentencepiece(sentences)
        (checkpoint / f"{side}.spm").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        for index in range(processor.get_piece_size()):
            pieces.setdefault(processor.id_to_piece(index), len(pieces))
    pieces["<pad>"] = len(pieces)
    (checkpoint / "vocab.json").write_text(json.dumps(pieces))
    (checkpoint / "tokenizer_config.json").write_text(
        json.dumps({"source_lang": "zh", "target_lang": "en", "tokenizer_class": "MarianTokenizer"})
    )
    _model(len(pieces)).save_pretrained(checkpoint)
    converted = path / "converted"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers misses a package that is not needed
        TransformersConverter(str(checkpoint)).convert(str(converted))
    for side in _SENTENCES:
        shutil.copy(checkpoint / f"{side}.spm", converted)
    return converted


def _sentencepiece(sentences: list[str]) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=written,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return written.getvalue()


def _model(vocabulary: int) -> MarianMTModel:
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=vocabulary,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
        pad_token_id=vocabulary - 1,
        decoder_start_token_id=vocabulary - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
        static_position_embeddings=True,
    )
    return MarianMTModel(config)
