"""From Chinese to English: words, phrases, the rules of edits; and a translation model."""
