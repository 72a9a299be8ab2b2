"""Chinese noun phrases: 左边那只戴帽子的白猫, "the white cat wearing a hat on the left"."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from runtime.chinese.lexicon import Unknown, Word, look_up, words
from runtime.chinese.phrase import Phrase, plural
from runtime.chinese.words import (
    CONTAINERS,
    COUNTED_PAIRS,
    MEASURES,
    NOUNS,
    NUMBERS,
    PICTURE,
    PLACES,
    PRONOUNS,
    SIDES,
    listed,
)

_ALTERNATIVES: Final = "|".join(sorted(map(re.escape, NUMBERS), key=len, reverse=True))
_MEASURED: Final = "|".join(sorted(map(re.escape, [*MEASURES, *CONTAINERS]), key=len, reverse=True))
_COUNT: Final = re.compile(rf"(?P<n>{_ALTERNATIVES})?\s*(?P<m>{_MEASURED})?(?P<rest>.+)")
_THERE: Final = re.compile(
    r"(?P<p>[^的]+?(?:上|里|中|下|边|侧|面|方|处|角|前|后|外|旁))(?P<rest>(?:那|这).+)"
)
_ALL: Final = re.compile(r"(?:所有|全部|全|每(?:一)?个?|一切|其余)(?:的)?(?P<rest>.+)")
_THIS: Final = re.compile(rf"(?:这|那|该)(?:一)?(?:{_MEASURED})?(?P<rest>.+)")
_THESE: Final = re.compile(r"(?:这|那)些(?P<rest>.+)")
_IN_PICTURE: Final = re.compile(rf"(?:{PICTURE}|这里)(?:里|中|上|内)?(?:面)?(?:的)?(?P<rest>.+)")
_WEARING: Final = re.compile(
    r"(?P<x>.*?)(?P<verb>戴|穿|拿|举|抱|骑|背|牵|撑|打)(?:着|了)?(?P<y>.+)"
)
_VERBS: Final = {
    "戴": "wearing", "穿": "wearing", "拿": "holding", "举": "holding", "抱": "holding",
    "骑": "riding", "背": "carrying", "牵": "leading", "撑": "holding", "打": "holding",
}  # fmt: skip
_SITTING: Final = re.compile(r"(?P<verb>坐|站|躺|趴|停|放|挂|飞|睡|走|跑)(?:在)?(?P<y>.*?)(?:着)?")
_POSTURES: Final = {
    "坐": "sitting", "站": "standing", "躺": "lying", "趴": "lying", "停": "parked", "放": "lying",
    "挂": "hanging", "飞": "flying", "睡": "sleeping", "走": "walking", "跑": "running",
}  # fmt: skip
_AND: Final = re.compile(r"和|与|跟|、|以及|及|还有")
_LANDMARKS: Final = listed("""
Tower Wall River Sea Ocean Palace Bridge Temple Museum Gate Mountains Desert Canyon Pyramid
Building House Dam Cathedral Square Statue Garden Way City Pyramids Alps Louvre
""")
_MASS: Final = frozenset(word[1:].split()[-1] for word in NOUNS.values() if word[0] == "~")
_PLURAL: Final = re.compile("[a-z]+[^sui]s")
_NAME: Final = re.compile("[A-Z][a-z]")
# Measure words that need no number before them: 个月亮.
_ALONE: Final = "个只条张件座辆位把顶块朵棵幅盏副道枚艘匹支杯瓶碗双束群盆"
_IN_THE: Final = frozenset(("sky", "background", "foreground", "night sky", "river", "water"))
_ON_THE: Final = frozenset(("beach", "grass"))


def things(text: str) -> list[Phrase]:
    """One thing, or several that are joined by 和. Raises `Unknown`."""
    try:
        return [thing(text)]
    except Unknown as exc:
        parts = [part for part in _AND.split(text) if part.strip()]
        if len(parts) < 2:
            raise
        try:
            return [thing(part) for part in parts]
        except Unknown:
            raise exc from exc


def definite(text: str) -> str:
    """English of what is there. Raises `Unknown`."""
    return _listed([one.definite() for one in things(text)])


def indefinite(text: str) -> str:
    """English of what is new. Raises `Unknown`."""
    return _listed([one.indefinite() for one in things(text)])


def _listed(found: list[str]) -> str:
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def thing(text: str) -> Phrase:
    """One noun phrase. Raises `Unknown` with the part that is not understood."""
    text = re.sub("(?<=.)(?:都|全都|全部)$", "", text.strip())
    if text in PRONOUNS:
        return Phrase("", pronoun=PRONOUNS[text][0])
    if text in ("一切", "所有", "所有东西"):
        return Phrase("", pronoun="everything")
    for pattern, count in ((_ALL, "all"), (_THESE, "some"), (_THIS, "")):
        found = pattern.fullmatch(text)
        if found and look_up(text) is None:
            inner = thing(found["rest"])
            return plural(dataclasses.replace(inner, count=count or inner.count))
    if (found := _IN_PICTURE.fullmatch(text)) and look_up(text) is None:
        return thing(found["rest"])
    if look_up(text):
        return _head(words(text))
    if found := _THERE.fullmatch(text):
        return _qualified(found["p"], found["rest"])
    left, _, right = text.rpartition("的")
    if left and right:
        return _qualified(left, right)
    if (found := _COUNT.fullmatch(text)) and _counts(found):
        return _counted(found["n"] or "", found["m"] or "", found["rest"])
    return _placed(text)


def _placed(text: str) -> Phrase:
    """With a place or a possessor before it, without 的 between: 左边猫, 她头发."""
    for end in range(len(text) - 1, 0, -1):
        before, rest = text[:end], text[end:]
        if before in PRONOUNS:
            return dataclasses.replace(thing(rest), whose=PRONOUNS[before][1])
        if before in PLACES and len(before) > 1 and look_up(text) is None:
            found = thing(rest)
            return dataclasses.replace(found, after=(*found.after, PLACES[before]))
    return _head(words(text))


def _head(found: list[Word]) -> Phrase:
    """Adjectives and nouns before a noun."""
    *before, last = found
    if last.kind == "adjective":
        raise Unknown(last.english)
    english = last.english
    singular = english.lstrip("~+^").removeprefix("the ").split("/")[0]
    final = singular.rpartition(" ")[2]
    mass = english[0] == "~" or (not last.ours and final in _MASS)
    plural = english[0] == "+" or (not last.ours and _PLURAL.fullmatch(final) is not None)
    adjectives = tuple(word.english.lstrip("~+^").split("/")[0] for word in before)
    name, landmark = _proper(last)
    if before and (name or landmark) and not last.ours:
        raise Unknown(last.english)  # 房间里加: no "room Riga"
    phrase = Phrase(singular, plural, mass, name, adjectives=adjectives)
    if english[0] == "^":
        return dataclasses.replace(phrase, name=True)
    if landmark or english.startswith("the "):
        return dataclasses.replace(phrase, whose="the")
    if "/" in english:  # kept until it is known how many there are
        return dataclasses.replace(phrase, head=english[1:])
    return phrase


def _proper(word: Word) -> tuple[bool, bool]:
    """Whether it is a name that takes no article, and whether one that takes "the"."""
    if word.kind == "name":
        return not word.english.islower(), False
    capitals = [part for part in word.english.split() if part not in ("of", "the", "and")]
    if word.kind == "adjective" or not all(map(_NAME.match, capitals)):
        return False, False
    landmark = capitals[-1] in _LANDMARKS or "of" in word.english.split()
    return not landmark and not word.english.isupper(), landmark


def _counted(number: str, measure: str, rest: str) -> Phrase:
    count = NUMBERS.get(number, "one" if measure else "")
    container = CONTAINERS.get(measure, "")
    inner = thing(rest)
    if container and container not in COUNTED_PAIRS:
        inside = plural(dataclasses.replace(inner, count="" if inner.mass else "some"))
        content = dataclasses.replace(inside, count="", after=()).indefinite()
        head = f"{container} {content}"
        if count not in ("", "one", "some"):
            head = head.replace(" of", "s of", 1)
        return Phrase(head, count=count, plural=count not in ("", "one"), after=inner.after)
    if inner.plural and "/" not in inner.head and count == "one":
        count = ""  # one pair of sunglasses is sunglasses
    if measure == "点" or (container in COUNTED_PAIRS and count == "one"):
        count = "some" if container == "" and not inner.mass else ""
    if inner.mass and count == "one":
        count = ""
    return plural(dataclasses.replace(inner, count=count))


def _counts(found: re.Match[str]) -> bool:
    return bool(found["n"]) or (found["m"] or "") in set(_ALONE)


def _qualified(left: str, right: str) -> Phrase:
    """`left`的`right`: a place, a look, clothes or a possessor before a thing."""
    found = _COUNT.fullmatch(left)
    if found and _counts(found) and look_up(left) is None and location(left) is None:
        # 一只白色的狗: the count stands before the adjective
        return _counted(found["n"] or "", found["m"] or "", f"{found['rest']}的{right}")
    inner, left = thing(right), re.sub("^(?:正在|在)(?=跑|跳|飞|睡|哭|笑|游|看|钓)", "", left)
    if place := location(left):
        return dataclasses.replace(inner, after=(*inner.after, place))
    if left in PRONOUNS:
        return dataclasses.replace(inner, whose=PRONOUNS[left][1])
    if (doing := participle(left)) is not None:
        return dataclasses.replace(inner, after=(doing, *inner.after))
    cut = words(re.sub(r"^(?:很|非常|最|更|特别|超级)", "", left).replace("的", ""))
    if cut[-1].kind == "adjective":
        added = tuple(word.english.lstrip("~+^").split("/")[0] for word in cut)
        return dataclasses.replace(inner, adjectives=(*added, *inner.adjectives))
    owner = plural(thing(left))
    if not cut[-1].ours and not owner.head[:1].isupper():  # it may well be an adjective
        return dataclasses.replace(inner, adjectives=(owner.head, *inner.adjectives))
    if owner.name or owner.head[:1].isupper():
        return dataclasses.replace(inner, after=(f"of {owner.definite()}", *inner.after))
    return dataclasses.replace(inner, whose=f"{owner.definite()}'s")


def participle(text: str) -> str | None:
    """戴帽子 as "wearing a hat", 坐在椅子上 as "sitting on the chair"."""
    if (found := _WEARING.fullmatch(text)) and not found["x"]:
        return f"{_VERBS[found['verb']]} {indefinite(found['y'])}"
    if found := _SITTING.fullmatch(text):
        place = location(found["y"]) if found["y"] else ""
        if place is not None:
            return f"{_POSTURES[found['verb']]} {place}".strip()
    return None


def location(text: str) -> str | None:
    """桌子上 as "on the table"; None when it is no place. Raises `Unknown`."""
    text = re.sub(rf"^(?:在|到|往|于)?(?:{PICTURE}|它的)?(?:的)?", "", text.strip()) or "中间"
    if text in PLACES:
        return PLACES[text]
    for side in sorted(SIDES, key=len, reverse=True):
        if text.endswith(side) and len(text) > len(side) and look_up(text) is None:
            owner = text[: -len(side)].removesuffix("的").removesuffix("和")
            return _beside(SIDES[side], definite(owner))
    return None


def _beside(preposition: str, owner: str) -> str:
    noun = owner.removeprefix("the ")
    if preposition == "on" and noun in _IN_THE:
        return f"in {owner}"
    if preposition == "in" and noun in _ON_THE:
        return f"on {owner}"
    return f"{preposition} {owner}"


def bare(text: str) -> str:
    """A thing or a look without its article, as in lists of what to keep away from."""
    found = words(text)
    if all(word.kind == "adjective" for word in found):
        return " ".join(word.english for word in found)
    return plural(dataclasses.replace(thing(text), name=True)).indefinite()


def counted_only(text: str) -> str | None:
    """三只 as "three"."""
    found = re.fullmatch(rf"(?P<n>{_ALTERNATIVES})(?:{_MEASURED})", text)
    return NUMBERS[found["n"]] if found else None


def several(text: str, count: str) -> str:
    """`count` of a thing: "three cats". Raises `Unknown`."""
    return plural(dataclasses.replace(thing(text), count=count)).indefinite()
