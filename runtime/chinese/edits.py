"""What is made of a clause when its pattern is known: the English of one edit.

The functions take the groups of the pattern: usually `x` is a thing that is there, `y` a new one
and `p` a place. They return None when the groups are no such edit, or raise `Unknown` with what is
not understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from runtime.chinese.effects import ACTIONS
from runtime.chinese.grammar import SUBJECT
from runtime.chinese.looks import (
    LIKE,
    METALS,
    background_of,
    colour_of,
    look,
    quality_of,
    style,
    target_of,
    tint_of,
)
from runtime.chinese.nouns import counted_only, definite, indefinite, location, several, thing
from runtime.chinese.words import MATERIALS, PICTURE, PRONOUNS

Groups = Mapping[str, str]


def become(groups: Groups) -> str | None:
    """x becomes y."""
    target, y = target_of(groups["x"]), groups["y"].removesuffix("了")
    if groups["x"].endswith(("眼", "嘴")):
        target = f"the {target.removeprefix('the ')}"
    made = re.sub(r"(?:做|制|材质)?(?:的|材质)$|制$", "", y)
    if colour := colour_of(y) if made not in METALS else None:
        if target == "it" and re.search(PICTURE, groups["x"]):
            if colour == "grey":
                return "make it black and white"
            return f"give it a {colour} tint"
        return f"make {target} {'blonde' if 'hair' in target and colour == 'golden' else colour}"
    if (background := background_of(y)) and target == "it":
        return background
    if (found := look(y, target) or quality_of(y, target)) is not None:
        return found
    if target == "it" and (tint := tint_of(y)):
        return tint
    if (count := counted_only(y)) and target != "it":
        return f"turn {target} into {several(groups['x'], count)}"
    if made in MATERIALS and (made != y or made in METALS):
        return f"make {target} out of {MATERIALS[made].replace('wooden', 'wood')}"
    if (found := style(y, target)) is not None:
        return found
    if like := LIKE.fullmatch(y):
        return f"make {target} look like {indefinite(like['y'])}"
    many = target.startswith("all ")
    return _replaced(
        groups, target, several(y, "some").removeprefix("some ") if many else indefinite(y)
    )


def _replaced(groups: Groups, target: str, new: str) -> str:
    if target.endswith("background") or target in ("the season", "the weather"):
        return f"change {target} to {new}"
    if "换" in groups.get("verb", "") and target != "it":
        return f"replace {target} with {new}"
    return f"turn {target} into {new}"


def qualify(groups: Groups) -> str | None:
    """x更亮一点: x is to be more of something, or in some state."""
    target, y = target_of(groups["x"]), groups["y"]
    if y in ACTIONS:
        return f"make {target} {ACTIONS[y]}"
    if (found := quality_of(y, target) or look(y, target)) is not None:
        return found
    if (colour := colour_of(y)) and groups["more"].startswith(("变", "更", "弄", "调", "染")):
        return f"make {target} {colour}"
    return None


def act(groups: Groups) -> str | None:
    action = ACTIONS.get(re.sub(r"^(?:正在|在|去)|(?:了|着)$", "", groups["y"])) or ACTIONS.get(
        groups["y"]
    )
    return f"make {target_of(groups['x'])} {action}" if action else None


def seem(groups: Groups) -> str | None:
    target, y = target_of(groups["x"]), groups["y"]
    y = re.sub(r"(?:是)?(?:一样|似的|那样|的样子|拍的)$", "", y)
    if (found := look(y, target)) is not None:
        return found
    return style(y, target) or f"make {target} look like {indefinite(y)}"


def add(groups: Groups) -> str | None:
    """y is added at p, or to the thing p."""
    p, y = groups.get("p", ""), re.sub(r"^(?:上|了|入)", "", groups["y"])
    if re.fullmatch(PICTURE, y):
        return None
    if not p and (found := tint_of(y)):
        return found
    if not p and (found := look(y)) and ("滤镜" in y or "效果" in y or _effect_added(y)):
        return found
    if p and re.fullmatch(rf"{SUBJECT}(?:里|中|上|里面)?", p):
        return add({"y": y})
    if background := background_of(y):
        return background
    if not p:
        return f"add {indefinite(y)}"
    if (place := location(p)) is not None:
        return f"add {indefinite(y)} {place}"
    return f"add {indefinite(y)} to {definite(p)}"


def _effect_added(text: str) -> bool:
    return bool(
        re.fullmatch(
            r"(?:一?点|一?些|一?层)?(?:上)?(?:雾|薄雾|雾气|浓雾|雨|雪|大雪|大雨|暗角|噪点|颗粒"
            r"|颗粒感|胶片感|噪点)",
            text,
        )
    )


def wear(groups: Groups) -> str:
    """Clothes are worn, other things are put on."""
    who, what = groups["x"] or "它", indefinite(groups["y"])
    if groups["verb"].startswith(("穿", "换")):
        return f"make {definite(who)} wear {what}"
    return f"add {what} to {definite(who)}"


def remove(groups: Groups) -> str | None:
    x, place = groups["x"].removesuffix("都").removesuffix("给"), ""
    if not x:
        return None
    if groups.get("p"):
        place = location(groups["p"]) or ""
    return f"remove {definite(x)} {place}".strip()


ACROSS: Final = {"左": "右", "右": "左", "上": "下", "下": "上"}


def move(groups: Groups) -> str:
    side = {"左": "to the left", "右": "to the right", "上": "up", "下": "down"}[groups["d"]]
    return f"move {definite(groups['x'])} {side}"


def move_to(groups: Groups) -> str | None:
    """移到左边 is a direction, 移到树旁边 a place; something new that is put there is added."""
    x, p = groups["x"], groups["p"]
    place = location(p)
    if place is None:
        return None
    if side := re.fullmatch(r"(?:最)?([左右上下])(?:边|侧|面|方)", p):
        return move({"x": x, "d": side[1]})
    if thing(x).count and not x.startswith(("这", "那")):
        return f"add {indefinite(x)} {place}"
    return f"move {definite(x)} {place}"


def same_again(groups: Groups) -> str:
    return f"duplicate {definite(groups['x'])}"


def bare(groups: Groups) -> str | None:
    """A look without a verb, or a thing that is counted and so new: 黑白, 一只猫."""
    y = groups["y"]
    if (found := look(y) or style(y) or background_of(y) or quality_of(y, "it")) is not None:
        return found
    if colour := colour_of(y.removesuffix("色调").removesuffix("调") if "调" in y else ""):
        return f"give it a {colour} tint"
    if colour_of(y) or y in PRONOUNS or not thing(y).count or thing(y).count == "all":
        return None
    return f"add {indefinite(y)}"
