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
            self._tokenizer = HfTokenizer.from_file(str(path))
            token = self._tokenizer.id_to_token(spec.pad_token_id)
            self._tokenizer.enable_truncation(spec.max_length)
            self._tokenizer.enable_padding(
                length=spec.max_length, pad_id=spec.pad_token_id, pad_token=token or ""
            )
            length = len(self.encode("word " * spec.max_length))
        except Exception as exc:  # tokenizers raises bare Exception
            raise BundleCorrupt(f"{spec.file.path} is no tokenizer for {spec}: {exc}") from exc
        if token is None:
            raise BundleCorrupt(f"{spec.file.path} has no token {spec.pad_token_id} to pad with")
        if length != spec.max_length:
            raise BundleCorrupt(f"{spec.file.path} gives {length} ids, not {spec.max_length}")

    def encode(self, text: str) -> NDArray[np.int32]:
        """Token ids [L], L = `max_length` of the manifest."""
        return np.array(self._tokenizer.encode(text).ids, np.int32)
