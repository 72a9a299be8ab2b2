from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import get_args

import numpy as np
import pytest

from train.changes import COLOURS, KEEP, KINDS, NOUNS, OBJECT_KINDS, PLACES, Change
from train.instructions import Language, chinese, corpus, english, plain_sentences, write
from train.instructions.chinese import CHINESE
from train.instructions.english import ENGLISH

LANGUAGES: tuple[Language, ...] = get_args(Language)
GRAMMARS = {"en": ENGLISH, "zh": CHINESE}
AROUND = {
    "en": english.AROUND + english.AROUND_COMMANDS,
    "zh": chinese.AROUND + chinese.AROUND_COMMANDS,
}
SOME_NOUNS = ("elephant", "car", "train")  # a vowel first; 车 within 火车
both = pytest.mark.parametrize("language", LANGUAGES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def some_changes(kind: str) -> Iterator[Change]:
    """The kind with a few nouns, and with every colour and place."""
    if kind in ("tint", "background_colour"):
        yield from (Change(kind, colour=colour) for colour in COLOURS)
    elif kind not in OBJECT_KINDS or kind == "background_blur":
        yield Change(kind)
    else:
        for number, noun in enumerate(SOME_NOUNS):
            other = SOME_NOUNS[number - 1] if kind == "replace" else None
            yield Change(kind, noun, other, "red" if kind == "recolour" else None)
        if kind == "recolour":
            yield from (Change(kind, noun, colour=colour) for colour in COLOURS)
        if kind == "add":
            yield from (Change(kind, noun, place=place) for place in PLACES)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def bare(text: str) -> str:
    """Without case, punctuation and American spelling."""
    text = text.lower().replace("color", "colour").replace("gray", "grey")
    return text.replace("center", "centre").rstrip(".!?。！？")


@both
@every_kind
def test_held_out_wordings_are_never_written(kind: str, language: Language) -> None:
    for change in some_changes(kind):
        kept = set(plain_sentences(change, language, held_out=True))
        assert kept
        assert kept.isdisjoint(plain_sentences(change, language))
        written = {bare(write((change,), rng(1, i), language)) for i in range(80)}
        # Nor with something around them: "please", "now", "一下" and the like.
        assert not [text for text in written for wording in kept if wording in text]


@both
@every_kind
def test_politeness_makes_no_held_out_wording(kind: str, language: Language) -> None:
    change = next(some_changes(kind))
    training = set(plain_sentences(change, language))
    for wording in plain_sentences(change, language, held_out=True):
        for before, after in AROUND[language]:
            core = wording.removeprefix(before).removesuffix(after)
            assert core == wording or core not in training


@both
@every_kind
def test_held_out_writes_nothing_else(kind: str, language: Language) -> None:
    change = next(some_changes(kind))
    kept = plain_sentences(change, language, held_out=True)
    written = [bare(write((change,), rng(2, i), language, held_out=True)) for i in range(100)]
    exact = [text for text in written if any(bare(wording) in text for wording in kept)]
    assert len(exact) > 75  # the rest has a slip of the finger
    training = set(map(bare, plain_sentences(change, language)))
    assert not training.intersection(written)


@both
def test_no_sentence_asks_for_two_different_things(language: Language) -> None:
    owner: dict[str, str] = {}
    for change in chain.from_iterable(map(some_changes, KINDS)):
        for held_out in (False, True):
            for text in plain_sentences(change, language, held_out):
                assert owner.setdefault(text, change.name) == change.name, text


@both
@every_kind
def test_every_kind_has_many_wordings(kind: str, language: Language) -> None:
    for change in some_changes(kind):
        wording = GRAMMARS[language].wording(change)
        assert len(set(chain(*wording.groups))) >= {"en": 15, "zh": 12}[language]
        assert len(wording.held_out) >= {"en": 3, "zh": 2}[language]


@both
def test_nothing_but_the_vocabulary_of_edits_has_words(language: Language) -> None:
    grammar = GRAMMARS[language]
    assert set(grammar.wordings) == {*KINDS, "add_at"}
    assert set(grammar.nouns) == set(grammar.others) == set(NOUNS)
    assert set(grammar.colours) == set(COLOURS)
    assert set(grammar.places) == set(PLACES)


@both
@every_kind
def test_a_sentence_names_all_that_is_asked_for(kind: str, language: Language) -> None:
    grammar = GRAMMARS[language]
    for change in some_changes(kind):
        needed = []
        for noun in filter(None, (change.noun, change.other)):
            forms = [(*form["n"], *form.get("ns", ())) for form in grammar.nouns[noun]]
            needed.append(tuple(chain(*forms)))
        if change.colour:
            needed.append(tuple(form["c"][0] for form in grammar.colours[change.colour]))
        if change.place:
            needed.append(tuple(chain(*grammar.places[change.place].values())))
        for held_out in (False, True):
            for text in plain_sentences(change, language, held_out):
                assert not set("{}") & set(text)
                assert all(any(word in text for word in words) for words in needed), text


@every_kind
def test_english_articles_fit_the_next_word(kind: str) -> None:
    for change in some_changes(kind):
        for held_out in (False, True):
            for text in plain_sentences(change, "en", held_out):
                assert not re.search(r"\ba [aeiou]|\ban [b-df-hj-np-tv-z]|  ", text), text


@every_kind
def test_chinese_is_written_without_latin_letters_or_spaces(kind: str) -> None:
    for change in some_changes(kind):
        for held_out in (False, True):
            for text in plain_sentences(change, "zh", held_out):
                assert re.fullmatch(r"[\u4e00-\u9fff，23]+", text), text
        for i in range(50):
            assert not re.search(r"[ -/:-~]", write((change, change), rng(3, i), "zh"))


@pytest.mark.parametrize(
    ("noun", "counted"),
    [
        *(("cat", "一只猫"), ("car", "一辆车"), ("umbrella", "一把伞"), ("airplane", "一架飞机")),
        *(("boat", "一艘船"), ("horse", "一匹马"), ("fish", "一条鱼"), ("palm tree", "一棵棕榈树")),
        *(("house", "一座房子"), ("sunflower", "一朵向日葵"), ("guitar", "一把吉他")),
    ],
)
def test_chinese_measure_words(noun: str, counted: str) -> None:
    texts = plain_sentences(Change("add", noun), "zh")
    assert any(counted in text for text in texts)
    assert not any(f"个{counted[2:]}" in text for text in texts)


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("strawberry", "strawberries"), ("bus", "buses"), ("fish", "three fish"), ("cat", "cats")],
)
def test_english_plurals(noun: str, plural: str) -> None:
    assert any(text.endswith(plural) for text in plain_sentences(Change("triple", noun), "en"))


@both
def test_no_change_asks_to_keep_the_picture(language: Language) -> None:
    for i in range(50):
        assert write((), rng(i), language) == write((Change(KEEP),), rng(i), language)


@both
def test_two_changes_are_both_asked_for_in_order(language: Language) -> None:
    first, second = Change("remove", "guitar"), Change("bigger", "penguin")
    words = {"en": ("guitar", "penguin"), "zh": ("吉他", "企鹅")}[language]
    found = 0
    for i in range(200):
        text = write((first, second), rng(i), language).lower()
        found += 0 <= text.find(words[0]) < text.find(words[1])
    assert found > 180  # the rest has a slip of the finger


def test_it_never_means_the_picture_after_a_sentence_about_an_object() -> None:
    changes = (Change("recolour", "cat", colour="red"), Change("brighter"))
    texts = [write(changes, rng(i), "en").lower() for i in range(300)]
    assert not [text for text in texts if re.search(r"\bit\b|\bthis (p|im)", text)]


@both
def test_writing_is_a_pure_function_of_the_random_numbers(language: Language) -> None:
    for i, kind in enumerate(KINDS):
        changes = tuple(some_changes(kind))[:2]
        assert write(changes, rng(i), language) == write(changes, rng(i), language)


@both
def test_writing_varies(language: Language) -> None:
    texts = {write((Change("remove", "cat"),), rng(i), language) for i in range(300)}
    assert len(texts) > 150


def test_more_than_two_changes_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 2"):
        write([Change("night")] * 3, rng(0), "en")


@both
@pytest.mark.parametrize(
    "change",
    [
        *(Change("remove"), Change("replace", "cat"), Change("tint"), Change("juggle")),
        *(Change("remove", "unicorn"), Change("add", "cat", place="outside")),
    ],
)
def test_a_change_without_words_is_refused(change: Change, language: Language) -> None:
    with pytest.raises(ValueError, match=re.escape(change.name)):
        write((change,), rng(0), language)
    with pytest.raises(ValueError, match=re.escape(change.name)):
        plain_sentences(change, language)


def test_the_corpus_has_all_words_and_no_held_out_wording() -> None:
    texts = list(map(bare, corpus(rng(5))))
    everything = "\n".join(texts)
    for grammar in GRAMMARS.values():
        for forms in (*grammar.nouns.values(), *grammar.colours.values()):
            for form in forms:
                assert everything.count(form["n" if "n" in form else "c"][0]) > 20, form
        for slots in grammar.places.values():
            assert all(phrase in everything for words in slots.values() for phrase in words)
    whole = (change for kind in KINDS if kind not in OBJECT_KINDS for change in some_changes(kind))
    kept = {
        text
        for change in whole
        for lang in LANGUAGES
        for text in plain_sentences(change, lang, True)
    }
    assert kept.isdisjoint(texts)
