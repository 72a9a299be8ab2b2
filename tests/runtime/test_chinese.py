"""Chinese instructions in English, by rules: what is said, what is refused, how long it takes."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.translation import DATA, KINDS, Item, kinds_of, read, run, score
from runtime.chinese.lexicon import Unknown
from runtime.chinese.offline import instruction, listing
from runtime.translation import Rules

HAN = re.compile("[\u3400-\u9fff]")


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("把猫换成狗", "replace the cat with a dog"),
        ("把這隻貓換成狗", "replace the cat with a dog"),
        ("给女孩戴上红色的帽子", "add a red hat to the girl"),
        ("让画面变成夜晚", "make it night"),
        ("请帮我把左边的车去掉，谢谢！", "remove the car on the left"),
        ("在桌子上加三只橙色的猫", "add three orange cats on the table"),
        ("加一只大象和一把雨伞", "add an elephant and an umbrella"),
        ("把所有的人都去掉", "remove all the people"),
        ("把女孩的头发染成金色", "make the girl's hair blonde"),
        ("加一副墨镜", "add sunglasses"),
        ("给他一杯咖啡", "give him a cup of coffee"),
        ("把背景换成海滩", "change the background to a beach"),
        ("把背景变成蓝色", "make the background blue"),
        ("把它变成 cyberpunk 风格", "make it cyberpunk style"),
        ("像莫奈的油画", "turn it into an oil painting in the style of Monet"),
        ("把戴帽子的人移除", "remove the person wearing a hat"),
        ("把猫变成三只", "turn the cat into three cats"),
        ("把猫往左移一点，然后把它变大", "move the cat to the left and make it bigger"),
        ("把背景换成埃菲尔铁塔", "change the background to the Eiffel Tower"),
        ("什么都不要改", "do not change anything"),
    ],
)
def test_what_is_asked_is_said(chinese: str, english: str) -> None:
    assert instruction(chinese) == english


def test_what_to_keep_away_from_is_a_list() -> None:
    assert listing("模糊，文字、水印") == "blurry, text, watermark"


@pytest.mark.parametrize(
    ("chinese", "part"),
    [
        ("把猫换成噩梦般的魍魉世界观", "魉"),
        ("春眠不觉晓", "春眠不觉晓"),
        ("今天天气怎么样", "天气"),
        ("加上写着“你好”的牌子", "你好"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(chinese: str, part: str) -> None:
    with pytest.raises(Unknown, match=part):
        instruction(chinese)


_CHARACTERS = st.sampled_from(
    "把将让给变成换去掉加在的左右上下大小红猫狗人画图一三只，和戴风格不要变得再更"
)


@settings(max_examples=300, deadline=None)
@given(st.text(_CHARACTERS, min_size=1, max_size=40))
def test_nothing_is_half_translated(text: str) -> None:
    for translate in (instruction, listing):
        english = ""
        with contextlib.suppress(Unknown):
            english = translate(text)
        assert not HAN.search(english)
        assert english == " ".join(english.split())
        assert "None" not in english


@pytest.mark.parametrize(
    "unit",
    ["变得", "的", "猫的", "把", "左边", "一", "猫和", "戴着猫的", "把猫换成狗，", "画面", "再更"],
)
def test_the_longest_instruction_takes_no_time(unit: str) -> None:
    """Patterns that backtrack would take minutes: processor time, which no neighbour adds to."""
    text = (unit * 1000)[:1000]
    start = time.process_time()
    for translate in (instruction, listing):
        with contextlib.suppress(Unknown):
            translate(text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("name", "size", "right"),
    [
        ("chinese", 186, 184),
        ("chinese_2", 78, 67),
        ("chinese_3", 97, 84),
        ("chinese_held_out", 97, 77),
    ],
)
def test_the_measured_sets_are_as_good_as_docs_benchmarks_says(
    name: str, size: int, right: int
) -> None:
    items = read(DATA / f"{name}.tsv")
    assert len({item.chinese for item in items}) == len(items) == size
    assert {kind for item in items for kind in re.split("[+|]", item.kind)} <= KINDS.keys()
    scores, _ = run(items, Rules().instruction)
    assert sum(one.kind and one.nouns and one.details for one in scores) >= right


@pytest.mark.parametrize(
    ("english", "wrong"),
    [
        ("replace the dog with a red cat on the left", "nouns"),  # the wrong way round
        ("replace the cat with a red bird on the left", "nouns"),
        ("replace the cat with a red dog", "details"),
        ("remove the cat and the red dog on the left", "kind"),
        ("replace the cat with a red dog on the left and make it night", "kind"),
        (None, "kind"),
    ],
)
def test_the_judge_sees_what_is_wrong(english: str | None, wrong: str) -> None:
    item = Item("把左边的猫换成红色的狗", "replace", "cat;dog", "red;left")
    assert all(score(item, "swap the cat on the left for a red dog")[:3])
    assert not getattr(score(item, english), wrong)


def test_the_judge_parts_two_edits_from_two_things() -> None:
    assert kinds_of("add a cat and a dog") == ["add"]
    assert kinds_of("Add a cat, then make it night.") == ["add", "night"]
