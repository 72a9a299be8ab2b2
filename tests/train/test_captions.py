from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from train.captions import caption, phrases
from train.changes import COLOURS, NOUNS, PLACES, WHOLE_KINDS, Change
from train.cutouts import Cutout
from train.instructions import Language
from train.recipe import TextRecipe
from train.scenes import Placed, Scene
from train.text import build_tokenizer

LANGUAGES: tuple[Language, ...] = ("en", "zh")
BACKGROUND = np.zeros((4, 4, 3), np.float32)
SEEDS = range(20)


def cutout(noun: str) -> Cutout:
    return Cutout(noun, "package", "name", np.full((2, 2, 4), 255, np.uint8))


def placed(noun: str, place: str = "centre", colour: str | None = None, worn: str = "") -> Placed:
    x, y = PLACES[place]
    accessories = tuple(cutout(name) for name in worn.split())
    return Placed(cutout(noun), x, y, 0.3, colour=colour, worn=accessories)


def said(
    language: Language,
    *objects: Placed,
    seed: int = 0,
    whole: Change | None = None,
    colour: str | None = None,
    blur: bool = False,
) -> str:
    scene = Scene(BACKGROUND, objects, colour, blur)
    return caption(scene, np.random.default_rng(seed), language, [whole] if whole else [])


objects = st.builds(
    placed,
    st.sampled_from(NOUNS),
    st.sampled_from(list(PLACES)),
    st.none() | st.sampled_from(list(COLOURS)),
    st.sampled_from(["", "hat", "sunglasses"]),
)
wholes = st.none() | st.builds(
    Change, st.sampled_from(WHOLE_KINDS), colour=st.sampled_from(list(COLOURS))
)


plain_objects = st.builds(placed, st.sampled_from(NOUNS), st.sampled_from(list(PLACES)))


@functools.cache
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer(TextRecipe())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(objects, max_size=2) | st.lists(plain_objects, max_size=3),
    wholes,
    st.integers(0, 99),
    st.sampled_from(LANGUAGES),
)
def test_captions_are_short_and_made_of_known_words(
    shown: list[Placed], whole: Change | None, seed: int, language: Language
) -> None:
    text = said(language, *shown, whole=whole, seed=seed)
    assert len(tokenizer().tokenize(text)) <= TextRecipe().length - 2
    words = re.findall(r"[a-z']+", text) if language == "en" else list(text)
    for word in words:
        if "'" not in word:
            assert len(tokenizer().tokenize(word)) == 1, word
    assert text.isascii() == (language == "en")


@given(st.integers(0, 999), st.sampled_from(NOUNS), st.sampled_from([None, *COLOURS]))
def test_articles_suit_the_word_that_follows(seed: int, noun: str, colour: str | None) -> None:
    article, word = said("en", placed(noun, colour=colour), seed=seed).split()[:2]
    assert article == ("an" if word[0] in "aeiou" else "a")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_taking_an_object_away_takes_away_its_phrase_alone(language: Language, seed: int) -> None:
    cat, dog = placed("cat", "left"), placed("dog", "right", "red")
    both = said(language, cat, dog, seed=seed)
    one, other = said(language, cat, seed=seed), said(language, dog, seed=seed)
    assert both == f"{one}{' and ' if language == 'en' else '和'}{other}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_some_captions_name_places_and_some_do_not(language: Language) -> None:
    left, right = placed("cat", "left"), placed("cat", "right")
    differs = [said(language, left, seed=s) != said(language, right, seed=s) for s in SEEDS]
    assert 0 < sum(differs) < len(SEEDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_place_is_the_nearest_one(language: Language) -> None:
    seed = next(
        s
        for s in SEEDS
        if said(language, placed("cat", "left"), seed=s)
        != said(language, placed("cat", "right"), seed=s)
    )
    for place, (x, y) in PLACES.items():
        near = Placed(cutout("cat"), x + 0.05, y - 0.05, 0.3)
        assert said(language, near, seed=seed) == said(language, placed("cat", place), seed=seed)
    assert len({said(language, placed("cat", place), seed=seed) for place in PLACES}) == 9


def test_like_objects_are_counted() -> None:
    assert {said("en", *3 * [placed("fish")], seed=s) for s in SEEDS} >= {"three fish"}
    assert any(
        text.endswith("两只猫")
        for text in (said("zh", *2 * [placed("cat")], seed=s) for s in SEEDS)
    )
    apart = said("en", placed("cat"), placed("cat", colour="red"), seed=3)
    assert " and a red " in apart


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_property_of_a_scene_is_said(language: Language) -> None:
    plain = said(language, placed("cat"))
    others = [
        said(language),
        said(language, placed("dog")),
        said(language, placed("cat", colour="red")),
        said(language, placed("cat", worn="hat")),
        said(language, placed("cat", worn="sunglasses")),
        said(language, placed("cat"), placed("cat")),
        said(language, placed("cat"), colour="red"),
        said(language, placed("cat"), blur=True),
        *(said(language, placed("cat"), whole=Change(k, colour="red")) for k in WHOLE_KINDS),
    ]
    assert all(others)
    assert len({plain, *others}) == 1 + len(others)


def test_nothing_is_a_photo() -> None:
    assert said("en") == "a photo"
    assert said("zh") == "一张照片"


@pytest.mark.parametrize("language", LANGUAGES)
def test_looks_of_different_kinds_are_never_the_same(language: Language) -> None:
    seen: dict[str, str] = {}
    for kind in WHOLE_KINDS:
        for seed in SEEDS:
            text = said(language, whole=Change(kind, colour="red"), seed=seed)
            assert seen.setdefault(text, kind) == kind


def test_phrases_hold_every_word_that_captions_use() -> None:
    known = set(re.findall(r"\w+", " ".join(phrases())))
    for seed, noun in enumerate(NOUNS):
        text = said("en", placed(noun, "top left", "red", "hat"), seed=seed, colour="blue")
        used = set(re.findall(r"\w+", text))
        assert used - known <= {"a", "an", "and", "with", "hat", "sunglasses"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_changes_only_those_of_the_whole_picture_are_looks(language: Language) -> None:
    scene = Scene(BACKGROUND, (placed("cat"),))
    changes = (Change("remove", "dog"), Change("night"), Change("keep"))
    text = caption(scene, np.random.default_rng(5), language, changes)
    assert text == said(language, placed("cat"), seed=5, whole=Change("night"))
