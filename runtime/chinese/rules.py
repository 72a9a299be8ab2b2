"""One clause of an instruction: which edit it asks for, and its English.

Every rule is a pattern and what makes English of its groups. A rule whose groups are not understood
gives way to the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from runtime.chinese.edits import (
    ACROSS,
    Groups,
    act,
    add,
    bare,
    become,
    move,
    move_to,
    qualify,
    remove,
    same_again,
    seem,
    wear,
)
from runtime.chinese.effects import COMPARATIVES, OPPOSITES
from runtime.chinese.grammar import (
    ADD,
    APPEAR,
    BA,
    BECOME,
    BIT,
    MORE,
    MOVES,
    PAINT,
    QUALITIES,
    REMOVE,
    WEAR,
)
from runtime.chinese.lexicon import Unknown
from runtime.chinese.looks import background_of, colour_of, style, target_of
from runtime.chinese.nouns import counted_only, definite, indefinite, participle, several
from runtime.chinese.whole import of_picture
from runtime.chinese.words import NUMBERS, PICTURE

# "in the picture" says nothing, and 画 in 画面 is no verb.
_OF_PICTURE: Final = re.compile(rf"在{PICTURE}(?:里|中|上)?的")
_IN_PICTURE: Final = re.compile(
    rf"(?:在|往)?{PICTURE}(?:里面|里|中|上面|上)(?:再|要|应该)*(?={ADD}|有)"
)
# Bounds of the time that a clause takes; no sentence of a person comes near.
_LONGEST: Final = 60  # characters
_MOST_OF: Final = 5  # times 的


def translate(clause: str) -> str:
    """The English of one clause. Raises `Unknown` with what is not understood."""
    if len(clause) > _LONGEST or clause.count("的") > _MOST_OF:
        raise Unknown(clause)
    failure = Unknown(clause)
    clause = re.sub("(?<=.)(?:的位置|的部分)(?=往|向|朝|移)", "", clause)
    clause = _IN_PICTURE.sub("", _OF_PICTURE.sub("在", clause))
    if (found := of_picture(clause)) is not None:
        return found
    for pattern, english in _RULES:
        if match := pattern.fullmatch(clause):
            try:
                found = english({key: value or "" for key, value in match.groupdict().items()})
            except Unknown as exc:
                if len(exc.part) < len(failure.part):
                    failure = exc
                continue
            if found is not None:
                return found
    raise failure


def _rule(
    pattern: str, english: Callable[[Groups], str | None]
) -> tuple[re.Pattern[str], Callable[[Groups], str | None]]:
    return re.compile(pattern), english


_RULES: Final = (
    # keep
    _rule(
        r"(?:保持|保留)(?P<x>.+?)(?:不变|原样|不动)?|(?:不要|别)(?:改变|改动|动|改|碰)(?P<z>.+)|"
        r"(?P<w>.+?)(?:保持)?不变",
        lambda g: f"keep {target_of(g['x'] or g['z'] or g['w'])} unchanged",
    ),
    # background
    _rule(
        r"(?:给.+?)?(?:换成|换上|换个|换|改成|变成|使用|用|加上|加|要)(?:了)?(?P<y>.+?背景)",
        lambda g: background_of(g["y"]),
    ),
    _rule(
        rf"{BA}(?P<x>.+?)(?:进行|做)?(?:虚化|模糊|虚|弄糊|糊)(?:掉|处理)?{BIT}|(?:虚化|模糊)"
        r"(?:掉)?(?P<y>.+)",
        lambda g: f"blur {target_of(g['x'] or g['y'])}",
    ),
    # put one thing in the place of another
    _rule(
        r"用(?P<y>.+?)(?:来)?(?:代替|替换|取代|替代|换掉)(?:掉)?(?P<x>.+)",
        lambda g: f"replace {definite(g['x'])} with {indefinite(g['y'])}",
    ),
    _rule(
        r"(?:把|将)?(?P<x>.+?)用(?P<y>.+?)(?:代替|替换|取代)(?:掉)?",
        lambda g: f"replace {definite(g['x'])} with {indefinite(g['y'])}",
    ),
    # style
    _rule(
        r"(?:使)?用(?P<y>.+?)(?:的)?(?:风格|画风|手法|笔触|技法|方式)(?:来)?(?:重新)?(?:画|绘制"
        r"|重绘|呈现|绘画|处理|表现|渲染)?(?:一下)?(?P<x>.*)",
        lambda g: style(f"{g['y']}风格", target_of(g["x"])),
    ),
    _rule(
        r"在(?P<x>.+?)(?:原来)?的(?:位置|地方)(?:上)?(?:放上|放|画上|画|加上|加|换上|换成|摆)"
        r"(?P<y>.+)",
        lambda g: f"replace {definite(g['x'])} with {indefinite(g['y'])}",
    ),
    # size
    _rule(
        rf"{BA}(?P<x>.+?)(?:放大|变大|画大|调大|加大|增大|扩大)(?:一倍|两倍|几倍)?{BIT}|"
        r"(?:放大|加大|增大)(?P<y>.+)",
        lambda g: f"make {target_of(g['x'] or g['y'])} bigger",
    ),
    _rule(
        rf"{BA}(?P<x>.+?)(?:缩小|变小|画小|调小|减小)(?:一半|一倍)?{BIT}|(?:缩小|减小)(?P<y>.+)",
        lambda g: f"make {target_of(g['x'] or g['y'])} smaller",
    ),
    _rule(
        rf"(?P<x>.*?)(?:有点|有些|看起来)?太(?P<y>{'|'.join(OPPOSITES)})(?:了)?",
        lambda g: f"make {target_of(g['x'])} {OPPOSITES[g['y']]}",
    ),
    _rule(
        rf"(?:再)?(?:更|再)?(?P<y>{'|'.join(COMPARATIVES)})(?:一点|一些|点|些)的(?P<x>.+)|更"
        rf"(?P<z>{'|'.join(COMPARATIVES)})的(?P<w>.+)",
        lambda g: f"make {target_of(g['x'] or g['w'])} {COMPARATIVES[g['y'] or g['z']]}",
    ),
    _rule(
        rf"(?P<x>.*?)(?:不要|别)(?:那么|这么|太)(?P<y>{'|'.join(OPPOSITES)})",
        lambda g: f"make {target_of(g['x'])} {OPPOSITES[g['y']]}",
    ),
    _rule(
        r"(?:让|使|把)(?P<x>.+?)(?:变)?(?P<y>年轻|老)[一二两三四五六七八九十百几\d]+岁",
        lambda g: f"make {target_of(g['x'])} {COMPARATIVES[g['y']]}",
    ),
    # moves
    _rule(
        r"(?P<x>.+?)(?:有点)?太靠(?P<d>[左右上下])(?:边)?(?:了)?",
        lambda g: move({**g, "d": ACROSS[g["d"]]}),
    ),
    _rule(
        r"(?:把|将|让)?(?P<x>.+?)(?:抬高|移高|提高|升高|举高)(?:一点|一些)?",
        lambda g: move({**g, "d": "上"}),
    ),
    _rule(
        r"(?:把|将|让)?(?P<x>.+?)(?:放低|移低|降低)(?:一点|一些)?",
        lambda g: move({**g, "d": "下"}),
    ),
    _rule(r"(?:把|将|让)?(?P<x>.+?)(?:再)?靠(?P<d>[左右上下])(?:边)?(?:一点|一些)?", move),
    _rule(
        rf"(?:把|将|让|使)?(?P<x>.+?)(?:再)?(?:往|向|朝)(?P<d>[左右上下])(?:边|侧|方|面)?{MOVES}",
        move,
    ),
    _rule(r"(?:往|向|朝)?(?P<d>[左右上下])(?:边)?(?:移动|移|挪动|挪|平移)(?P<x>.+)", move),
    _rule(r"(?:把|将|让)?(?P<x>.+?)(?P<d>[左右上下])移(?:一点|一些)?", move),
    _rule(
        r"(?:把|将|让)(?P<x>.+?)(?:移动到|移到|挪到|放到|放在|摆在|搬到|移至|放进|加到|添加到"
        r"|加在|画在)(?P<p>.+?)(?:去|来)?",
        move_to,
    ),
    # copies
    _rule(
        r"(?:复制|克隆|再来|再加|再画)(?:一)?.?(?:一模一样|同样|一样|相同)的(?P<x>.+)", same_again
    ),
    _rule(
        r"(?:把|将)?(?P<x>.+?)(?:复制|变)(?:成|出)(?P<n>.+)",
        lambda g: (
            (n := counted_only(g["n"])) and f"turn {definite(g['x'])} into {several(g['x'], n)}"
        ),
    ),
    _rule(
        r"(?:把|将)?(?P<x>.+?)(?:复制|克隆)(?P<n>两|三|四|五)(?:次|遍|份|个)",
        lambda g: f"make {NUMBERS[g['n']]} copies of {definite(g['x'])}",
    ),
    _rule(
        r"(?:复制|克隆|拷贝)(?:一个|一只|一份|一下|出)?(?P<x>.+)|(?:把|将)(?P<y>.+?)(?:复制|克隆"
        r"|拷贝)(?:一份|一个|一只|一下|一遍)?",
        lambda g: same_again({"x": g["x"] or g["y"]}),
    ),
    _rule(rf"(?:再)?(?:{ADD})?(?:一|1)?.?(?:一模一样|同样|一样|相同)的(?P<x>.+)", same_again),
    # clothes
    _rule(
        r"(?:给|让|在)?(?P<x>.+?)(?:的)?(?:头|脖子|脸|身|手|脚|腰|耳朵|鼻子|头顶)(?:上)"
        rf"(?P<verb>{WEAR}|加上|加|来)(?P<y>.+)",
        wear,
    ),
    _rule(rf"(?:给|让|帮|为|叫|使|把)(?P<x>.+?)(?:也)?(?P<verb>{WEAR})(?P<y>.+)", wear),
    _rule(rf"(?P<verb>{WEAR})(?P<y>.+)", lambda g: wear({**g, "x": "它"})),
    _rule(r"(?P<x>.+?)(?:也)?(?P<verb>戴上|戴着|戴|穿上|穿着|穿)(?P<y>.+)", wear),
    _rule(
        r"(?:把|将)(?P<y>.+?)戴(?:在|到)(?P<x>.+?)(?:的)?(?:头上|脸上|脖子上|身上|头顶|手上)",
        lambda g: f"put {indefinite(g['y'])} on {definite(g['x'])}",
    ),
    # remove
    _rule(rf"(?:把|将)(?P<x>.+?)从.+?(?:里|中|上)?{REMOVE}", remove),
    _rule(r"(?:把|将)(?P<x>.+?)(?:弄没|变没|P没|去了)(?:了)?", remove),
    _rule(rf"(?:从|在)(?P<p>.+?)(?:里|中)?{REMOVE}(?P<x>.+)", remove),
    _rule(rf"{REMOVE}(?P<x>.+)", remove),
    _rule(
        rf"(?:把|将|让)?(?P<x>.+?)(?:全部|全|都|全都|给)?(?:{REMOVE}|消失(?:不见)?|不见|不要"
        r"(?:了)?|隐藏|隐去)(?:了)?",
        remove,
    ),
    _rule(r"(?:我)?(?:不想要|不要|没有|不要有|别要|不想看到|不需要|去)(?P<x>.+)", remove),
    # how it looks
    _rule(
        r"(?:把|将|让|使|给)?(?P<x>.*?)(?:看起来|看上去|变得|显得|弄得|画得|做得)?(?:就)?(?:像是"
        r"|好像|像|如同|仿佛)(?:是)?(?P<y>.+)",
        seem,
    ),
    _rule(rf"(?:把|将|让|使|叫|给)?(?P<x>.*?)(?P<verb>{BECOME})(?P<y>.+)", become),
    _rule(
        rf"(?:给|把|将)(?P<x>.+?){PAINT}(?:了)?(?:个|一层|点|上|一个)?(?P<y>.+?)(?:的)?(?:颜色"
        r"|漆|油漆)?",
        lambda g: f"make {target_of(g['x'])} {colour_of(g['y'])}" if colour_of(g["y"]) else None,
    ),
    _rule(r"(?:让|使|叫|请)(?P<x>.+?)(?P<y>(?:正在|在)?[^的]{1,6})", act),
    _rule(
        rf"(?:把|将|让|使|给)?(?P<x>.*?)(?P<more>{MORE})(?P<y>{QUALITIES}){BIT}(?:的|了)?",
        qualify,
    ),
    _rule(
        r"(?:把|将|给)?(?P<x>.+?)(?:要|应该是|换|改|变|偏|是)(?P<y>[^成为].*)",
        lambda g: become(g) if colour_of(g["y"]) else None,
    ),
    _rule(r"(?:把|将)?(?P<x>.+?)换(?:个|一个)?(?P<y>.+)", lambda g: become({**g, "verb": "换"})),
    _rule(
        r"(?:让|使|叫)(?P<x>.+?)(?P<y>(?:坐|站|躺|趴|飞|停|挂)在.+)",
        lambda g: (doing := participle(g["y"])) and f"show {target_of(g['x'])} {doing}",
    ),
    _rule(
        r"(?:更换|换)(?:一)?(?:个|件|种|顶|条|双|身|下)(?P<x>.+)",
        lambda g: f"change {definite(g['x'])}",
    ),
    # add
    _rule(rf"(?:在|往|到|于)(?P<p>.+?)(?:再|多|也|还|要|应该)*{ADD}(?:上)?(?P<y>.+)", add),
    _rule(rf"(?:给|为|帮)(?P<p>.+?)(?:再|多)?(?:{ADD}|有|多了?)(?:上)?(?P<y>.+)", add),
    _rule(rf"(?:让|使|叫)(?P<p>.+?)(?:再|多)?(?:{APPEAR}|有|多了?)(?P<y>.+)", add),
    _rule(rf"(?:再|多|还)*{ADD}(?:上)?(?P<y>.+?)(?:在|到)(?P<p>.+)", add),
    _rule(rf"(?:再|多|还)*{ADD}(?:上)?(?P<y>.+)", add),
    _rule(rf"(?P<p>[^的把将]+?)(?:再|多|要|应该|需要)*(?:{ADD}|有)(?:上)?(?P<y>.+)", add),
    _rule(
        r"(?:给|送)(?P<x>.+?)(?:配|来)?(?P<y>一.+)",
        lambda g: f"give {definite(g['x'])} {indefinite(g['y'])}",
    ),
    _rule(r"(?P<y>.+)", bare),
)
