"""Machine translation with CTranslate2, of a Marian model such as OPUS-MT zh-en.

The directory is what `ct2-opus-mt-converter` or `ct2-transformers-converter` writes, with the
model's SentencePiece files beside it: model.bin, source.spm, target.spm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from runtime.chinese.lexicon import Unknown
from runtime.errors import BackendFailure, BackendUnavailable

_FILES: Final = ("model.bin", "config.json", "source.spm", "target.spm")
_BEAMS: Final = 4
_LONGEST: Final = 256  # tokens


class Marian:
    """Loaded once, called from any thread."""

    def __init__(self, path: Path) -> None:
        """Raises `BackendUnavailable` when a package or file is missing, `BackendFailure` when the
        model cannot be loaded."""
        try:
            import ctranslate2
            import sentencepiece
        except ImportError as exc:
            raise BackendUnavailable(
                f"the translator {path} needs {exc.name}; install retouch[translate]"
            ) from exc
        if missing := [name for name in _FILES if not (path / name).is_file()]:
            raise BackendUnavailable(
                f"the translator {path} lacks {', '.join(missing)}; name a directory that "
                "CTranslate2's converter wrote, with source.spm and target.spm beside the model"
            )
        try:
            config = json.loads((path / "config.json").read_text("utf-8"))
            # Converted from OPUS-MT's own files the model ends the text itself, else it must end.
            self._end = [] if config.get("add_source_eos") else ["</s>"]
            self._source = sentencepiece.SentencePieceProcessor(str(path / "source.spm"))
            self._target = sentencepiece.SentencePieceProcessor(str(path / "target.spm"))
            self._model = ctranslate2.Translator(str(path), device="cpu")
        except Exception as exc:  # both libraries raise RuntimeError, OSError and their own
            raise BackendFailure(f"the translator {path} cannot be loaded: {exc}") from exc

    def translate(self, text: str) -> str:
        """English. Raises `Unknown` when nothing comes out, `BackendFailure` when it breaks."""
        try:
            tokens = self._source.encode(text, out_type=str) + self._end
            found = self._model.translate_batch(
                [tokens], beam_size=_BEAMS, max_decoding_length=_LONGEST
            )
            english: str = self._target.decode(found[0].hypotheses[0])
        except Exception as exc:
            raise BackendFailure(f"the translator failed: {exc}") from exc
        if not english.strip():
            raise Unknown(text)
        return english.strip()
