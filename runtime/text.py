"""Instructions to token ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as HfTokenizer

from runtime import manifest
from runtime.errors import BundleCorrupt


class TextTokenizer:
    """The bundle's tokenizer, cutting and padding every text to the length the model reads."""

    def __init__(self, path: Path, spec: manifest.Tokenizer) -> None:
        """Raises `BundleCorrupt` when the file is no tokenizer or does not suit `spec`."""
        try:
            self._tokenizer = _load(path, spec)
            length = len(self.encode("word " * spec.max_length))
        except Exception as exc:  # tokenizers raises bare Exception
            raise BundleCorrupt(f"{spec.file.path} cannot serve as tokenizer: {exc}") from exc
        if length != spec.max_length:
            raise BundleCorrupt(f"{spec.file.path} gives {length} ids, not {spec.max_length}")

    def encode(self, text: str) -> NDArray[np.int32]:
        """Token ids [L], L = `max_length` of the manifest."""
        return np.array(self._tokenizer.encode(text).ids, np.int32)


def _load(path: Path, spec: manifest.Tokenizer) -> HfTokenizer:
    tokenizer = HfTokenizer.from_file(str(path))
    token = tokenizer.id_to_token(spec.pad_token_id)
    if token is None:
        raise ValueError(f"it has no token {spec.pad_token_id} to pad with")
    tokenizer.enable_truncation(spec.max_length)
    tokenizer.enable_padding(length=spec.max_length, pad_id=spec.pad_token_id, pad_token=token)
    return tokenizer
