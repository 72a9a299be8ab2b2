"""What people write to ask for an edit, in English and Chinese."""

from train.instructions.corpus import corpus
from train.instructions.write import Language, plain_sentences, write

__all__ = ["Language", "corpus", "plain_sentences", "write"]
