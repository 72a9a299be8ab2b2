"""What is taken of CC-CEDICT."""

from __future__ import annotations

import gzip

import pytest

from runtime.chinese.distil import characters, nouns, read
from runtime.chinese.lexicon import CEDICT, look_up, simplify

SOURCE = """# CC-CEDICT
獨角獸 独角兽 [du2 jiao3 shou4] /unicorn/
圍巾 围巾 [wei2 jin1] /scarf/shawl/CL:條|条[tiao2]/
口罩 口罩 [kou3 zhao4] /mask (surgical etc)/
跑步 跑步 [pao3 bu4] /to run/to jog/
貓 猫 [mao1] /cat/
張 张 [Zhang1] /surname Zhang/
小橋 小桥 [Xiao3 qiao2] /Xiaoqiao, a place/
小橋 小桥 [xiao3 qiao2] /a small bridge/
高興 高兴 [gao1 xing4] /(coll.) happy/
輕輕地 轻轻地 [qing1 qing1 de5] /lightly/
古老 古老 [gu3 lao3] /ancient/
古城 古城 [gu3 cheng2] /ancient city/
古樹 古树 [gu3 shu4] /ancient tree/
古橋 古桥 [gu3 qiao2] /ancient bridge/
古人 古人 [gu3 ren2] /ancient people/
"""


def test_nouns_are_taken_in_their_first_sense_and_other_words_are_not() -> None:
    found = nouns(list(read(SOURCE)))
    assert found["独角兽"] == "unicorn"
    assert found["围巾"] == "scarf"
    assert found["口罩"] == "mask"  # without the remark
    assert found["小桥"] == "small bridge"  # rather than the place
    assert found["古老"] == "*ancient"  # stands before nouns, never after
    assert not found.keys() & {"跑步", "猫", "张", "高兴", "轻轻地"}


def test_traditional_characters_are_paired() -> None:
    pairs = dict(zip(*characters(list(read(SOURCE))), strict=True))
    assert pairs["獸"] == "兽"
    assert "角" not in pairs


def test_the_data_file_is_what_the_lexicon_reads() -> None:
    assert (
        simplify("幫我把這隻貓換成獨角獸，什么都不要改") == "帮我把这只猫换成独角兽，什么都不要改"
    )
    lines = gzip.decompress(CEDICT.read_bytes()).decode().splitlines()[2:]
    assert len(lines) > 50_000
    assert all(len(line.split("\t")) == 2 for line in lines)
    assert CEDICT.stat().st_size < 2.5e6
    assert (CEDICT.parent / "LICENSE-cedict.txt").is_file()


@pytest.mark.parametrize("word", ["加上", "一点", "清晰", "吧"])
def test_grammar_is_no_noun(word: str) -> None:
    found = look_up(word)
    assert found is None or found.ours
