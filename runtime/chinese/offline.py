"""Chinese instructions in English, by rules and a dictionary alone."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from runtime.chinese import rules
from runtime.chinese.effects import FLAWS
from runtime.chinese.lexicon import Unknown, simplify
from runtime.chinese.nouns import bare

_BEFORE: Final = re.compile(
    r"^(?:看看|试试|抠图|再(?=复制|克隆)|给我(?=一张|一幅)|咱|你好|您好|麻烦您|麻烦你|麻烦|劳驾"
    r"|拜托你|拜托|请你|请您|请问|请|能不能|可不可以|可以不可以|是否可以|能否|可否|可以|"
    r"你能|您能|你可以|能够|能|帮我们|帮我|帮忙|帮|替我|给我(?=[加添画放来换])|我想让你|我想要"
    r"|我想把(?=.)|我想|我要|我希望|希望|想要|"
    r"试着|尝试|直接|首先|先|最后|接着|其次|另外|顺便|同时|还要|还|也|要(?=[一两三四五几])|再"
    r"(?=[把将给让在加添画放来多去删移换变])|然后|并且|并|而且|就|,|\s)"
)
_AFTER: Final = re.compile(
    r"(?:谢谢你|谢谢您|谢谢啦|谢谢|多谢|感谢|拜托了|拜托|麻烦了|麻烦你了|好吗|好不好|好么|可以吗"
    r"|可以么|行吗|行不行|可不可以|怎么样|吧|呗|吗|不|是什么效果|是什么样子|会怎么样|呢|啊|呀|哦"
    r"|哈|嘛|啦|[!?。.~,;:…\s])$"
)
# What is taken away and put in its place is one edit.
_EXCHANGE: Final = re.compile(
    r"(?P<x>(?:把|将).+?)(?:去掉|删掉|删除|移除|拿掉|拿走)[,，]?(?:再|然后)?(?=换成|改成|替换成)"
)
_PARTS: Final = re.compile(
    r"[,;。!?\n]+|(?:之后|以后)?(?:然后|接着|随后|并且|同时|而且|以及(?=[把将给让在加添去删])"
    r"|顺便|另外|还要)|"
    r"并(?=[把将给让在加添去删移换变画])|后?再(?=把|将|给|让|在|加|添|画|放|换|变|去掉|删|戴|穿"
    r"|系|贴|移)|(?<=.)之后(?=[再把将给让])"
)

_ASIDE: Final = re.compile(
    "一下子|一下|能不能|可不可以|能否|(?<=.)(?:可以|能|给我|帮我)(?=再|更|[擦去删换变改移加P抹])"
    "|咱们家?的?|咱家的?|我们?家的"
)
_WISH: Final = re.compile("(?<=.)我?(?:想要|希望是|希望它是|要)(?=.*色)")
# What is to be written in the picture would have to stay Chinese.
_WRITING: Final = re.compile("(?:文字|字样|字|标题|写着|写上|写)[“\"'「『《]")


def instruction(text: str) -> str:
    """The English of an instruction. Raises `Unknown` with what is not understood."""
    parts = [
        part
        for piece in _PARTS.split(_EXCHANGE.sub(r"\g<x>", _normal(text)))
        if (part := _plain(piece))
    ]
    if not parts:
        raise Unknown(text)
    found: list[str] = []
    while parts:
        clause = parts.pop(0)
        try:
            found.append(rules.translate(clause))
        except Unknown:
            if not parts:
                raise
            parts[0] = clause + parts[0]  # "左边,加一只猫" is one clause
    return " and ".join(dict.fromkeys(found))


def listing(text: str) -> str:
    """The English of what to keep away from: things and looks, with commas between.

    Raises `Unknown` with what is not understood.
    """
    parts = [part.strip() for part in re.split(r"[,;、。\n]+", _normal(text))]
    found = [re.sub("的$", "", part) for part in parts if part.removesuffix("的")]
    if not found:
        raise Unknown(text)
    return ", ".join(FLAWS.get(part) or bare(part) for part in found)


def _normal(text: str) -> str:
    """Narrow letters and marks, simplified characters, no quotation marks."""
    narrow = simplify(unicodedata.normalize("NFKC", text)).replace("。", ",")
    if not _WRITING.search(narrow):
        narrow = re.sub("[“”\"'「」『』《》【】]", "", narrow)
    return re.sub(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])", "", narrow).strip()


def _plain(clause: str) -> str:
    """Without politeness and what only softens."""
    clause, before = _ASIDE.sub("", clause.strip()), ""
    clause = _WISH.sub("要", clause)
    while clause != before:
        before = clause
        clause = _AFTER.sub("", _BEFORE.sub("", clause))
    return clause
