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
        """Raises `BundleCorrupt` when the file is no tokenizer or lacks the padding token."""
        try:
            self._tokenizer = HfTokenizer.from_file(str(path))
        except Exception as exc:  # tokenizers raises bare Exception
            raise BundleCorrupt(f"{spec.file.path} is no tokenizer: {exc}") from exc
        token = self._tokenizer.id_to_token(spec.pad_token_id)
        if token is None:
            raise BundleCorrupt(f"{spec.file.path} has no token {spec.pad_token_id} to pad with")
        self._tokenizer.enable_truncation(spec.max_length)
        self._tokenizer.enable_padding(
            length=spec.max_length, pad_id=spec.pad_token_id, pad_token=token
        )

    def encode(self, text: str) -> NDArray[np.int32]:
        """Token ids [L], L = `max_length` of the manifest."""
        return np.array(self._tokenizer.encode(text).ids, np.int32)
