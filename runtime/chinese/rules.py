"""One clause of an instruction: which edit it asks for, and its English.

Every rule is a pattern and what makes English of its groups. A rule whose groups are not understood
gives way to the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from runtime.chinese.effects import (
    ACTIONS,
    COMPARATIVES,
    LOOKS,
    OPPOSITES,
    PROPERTIES,
    SENTENCES,
    STATES,
    TIMES,
)
from runtime.chinese.lexicon import Unknown, words
from runtime.chinese.phrase import (
    counted_only,
    definite,
    indefinite,
    location,
    participle,
    several,
    thing,
)
from runtime.chinese.words import ADJECTIVES, COLOURS, MATERIALS, NUMBERS, PICTURE, PRONOUNS

Groups = Mapping[str, str]

_BECOME: Final = (
    "(?:更换为|更换成|换作|变身成|变身为|幻化成|变换成|转换成|转换为|替换成|替换为|改造成|处理成|切换成|装扮成|打扮成|伪装成|转化成|"
    "变成|变为|变作|改成|改为|弄成|转成|转为|换成|换为|做成|画成|调成|调整为|调为|设成|设为|涂成|染成|刷成|漆成|"
    "喷成|搞成|填成|填充为|填充成|P成|p成|变得像|变)(?:了)?"
)
_PAINT: Final = "(?:涂上|涂|染上|染|刷上|刷|漆上|漆|上|换上|换|改|变|喷上)"
_ADD: Final = (
    "(?:添加上|添加|增加|加入|加上|加|放上|放置|放|画上|画|添上|添|摆上|摆|插入|插上|种上|种|"
    "(?:飘|站|停|坐|躺|摆|放|挂|种|长|开|飞|铺|布|堆|贴|落|撒|盖|游)(?:着|满|有)|(?:停|站|坐|趴|躺|飞|飘|游|种|铺|升|亮)(?:上|起)?(?=[一两几三四五])|倒满|倒上|倒|装满|装上|燃起|点燃|亮起|升起|贴上|贴|挂上|挂|铺上|来|多出|P上|p上|出现|弄)(?:了|出)?"
)
_REMOVE: Final = (
    "(?:去除|去掉|移除|移走|移掉|移去|删除|删掉|删去|删|抹掉|抹去|擦掉|擦除|擦去|消除|消去|抹除|铲除|清空|清除|清理掉|清掉|除去|除掉|"
    "拿掉|拿走|弄走|弄掉|P掉|p掉|抠掉|摘掉|摘下|剪掉|取下|取消|删了|去了|脱掉|脱下|搬走|赶走|拆掉|砍掉|剃掉|刮掉|去)(?:了)?"
)
_WEAR: Final = (
    "(?:架上|配副|配个|配顶|配|戴上|戴|化个|化上|化|留着|留|穿上|穿|围上|围|系上|系|披上|披|换上|配上|佩戴|套上|打上|涂上|扎上|别上|装上|背上)"
    "(?:了|着)?"
)
_SUBJECT: Final = rf"(?:{PICTURE}|它|这个|这里|这|整个|整体|整个画面|一切|季节|天气|时间|光线|色调|氛围|风格|场景|画风|颜色|色彩)"
_BA: Final = "(?:把|将|让|使|叫|给|帮|使得|令)?"
_MORE: Final = "(?:变得|变|调得|调|弄得|弄|搞|改|看起来|看上去|显得|放|再|更加|更|稍微|稍|略微|略|非常|很|有点|一点|加|往|得)*+"
_BIT: Final = "(?:一点儿|一点点|一点|一些|一圈|几分|些许|点儿|点|些|起来|下来|许多|很多|多)?"
# "in the picture" says nothing, and 画 in 画面 is no verb.
_OF_PICTURE: Final = re.compile(rf"在{PICTURE}(?:里|中|上)?的")
_IN_PICTURE: Final = re.compile(
    rf"(?:在|往)?{PICTURE}(?:里面|里|中|上面|上)(?:再|要|应该)*(?={_ADD}|有)"
)
_WRAP_BEFORE: Final = re.compile(
    rf"^(?:现在是|现在|此时|整体|偏|弄出|来点|来|要|呈现|{_BECOME}|像是|像|好像|如同|{_ADD}|用|以|一张|一幅|一个|一种|一层|一点儿?|一些|一副|一款|点|些|个|张|幅|种|层|套用|使用|应用|是|在|的|有)"
)
_WRAP_AFTER: Final = re.compile(
    r"(?:那种|那样|样|风格的画|风格|绘画|画风|的风|风|效果图|效果|滤镜|特效|的样子|样子|模样|的感觉|感觉|感|的氛围|氛围|场景|版本|版|色调|"
    r"的时候|时候|的作品|作品|的画|一样|似的|那样|的味道|味道|质感|的气息|气息|之后|以后|的光线|光线|的照片|照片|图片|图|的景色|景色|的天气|天气|里拍的|拍的|的|了|天|季节|下|中|里|画面|一点|一些|渲染|时分)$"
)
_STYLE: Final = re.compile(
    r"(?P<y>.+?)(?:的)?(?:风格的画|风格|画风|风|艺术风格|的作品|的画作|的画|画作|作品)(?:的)?(?:样子)?"
)
_LIKE: Final = re.compile(r"(?P<y>.+?)(?:的样子|样子|模样|一样|似的|那样|的感觉|效果)")


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
    if (found := _sentence(clause)) is not None:
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


def _sentence(clause: str) -> str | None:
    """What is said about the picture as a whole, the picture itself left out of it."""
    rest = re.sub(rf"^{_BA}{_SUBJECT}(?:的|里|中|上)?", "", clause)
    inner = re.sub(rf"(?:{PICTURE}|它(?=的))(?:的|里的|中的|里|中)?", "", clause)
    soft = re.sub("稍微|略微|稍稍|明显|适当", "", inner)
    for text in dict.fromkeys((clause, rest, inner, re.sub(r"^(?:把|将|让|给)", "", soft))):
        plain = re.sub(rf"{_BIT}(?:了)?$", "", text)
        for pattern, english in _SENTENCES:
            if pattern.fullmatch(text) or (plain and pattern.fullmatch(plain)):
                return english
        for one in (text, plain):
            if (found := _property(one)) is not None:
                return found
    return None


def _property(text: str) -> str | None:
    for names, (more, less) in PROPERTIES.items():
        name = f"(?:{'|'.join(names)})"
        for words_, english in ((_UP, more), (_DOWN, less)):
            if re.fullmatch(
                rf"{_BA}(?:{words_})(?:一点|一些|点)?(?:的)?{name}|{_BA}{name}(?:再|更|变|稍微)*(?:{words_})",
                text,
            ):
                return english
    return None


_UP: Final = "提高|增加|增强|加强|调高|加大|提升|拉高|增大|调亮|更强|调大|升高|高|强|强烈|更高|亮|明显|更多|多"
_DOWN: Final = (
    "降低|减少|减弱|调低|减小|拉低|降下来|调暗|更弱|调小|低|弱|更低|暗|少|不要那么强|柔和"
)
_SENTENCES: Final = tuple((re.compile(pattern), english) for pattern, english in SENTENCES)


def look(text: str, x: str = "it") -> str | None:
    """The look that `text` names, whatever stands around its name: 变成一幅水墨画的样子."""
    while text:
        if text in LOOKS:
            return LOOKS[text].format(x=x)
        if (found := _medium(text, x)) is not None:
            return found
        shorter = _WRAP_AFTER.sub("", text)
        if shorter == text:
            shorter = _WRAP_BEFORE.sub("", text)
        if shorter == text:
            return None
        text = shorter
    return None


def _medium(text: str, x: str) -> str | None:
    """莫奈油画: a medium with an artist or a quality before it."""
    for end in range(1, len(text) - 1):
        before, medium = text[:end].removesuffix("的"), LOOKS.get(text[end:], "")
        if not medium.startswith("turn {x} into"):
            continue
        turned = medium.format(x=x)
        if (artist := LOOKS.get(before, "")) and " in the style of " in artist:
            return f"{turned} in the style of {artist.rpartition(' of ')[2]}"
        if before in ADJECTIVES or before in COLOURS:
            return re.sub(
                r" into (an? )?", f" into a {ADJECTIVES.get(before) or COLOURS[before]} ", turned
            )
    return None


def style(text: str, x: str = "it") -> str | None:
    """埃及壁画风格: a style that no table names."""
    if (known := look(text.removesuffix("风"), x)) is not None:
        return known
    found = _STYLE.fullmatch(text)
    if not found:
        return None
    name = re.sub(r"^(?:一幅|一张|一种|一个)", "", found["y"])
    if (known := look(name, x)) is not None:
        return known
    cut = words(name.replace("的", ""))
    english = " ".join(word.english.lstrip("~+").split("/")[0] for word in cut)
    if cut[-1].kind == "adjective" or cut[-1].kind == "name" and english.islower():
        return f"make {x} {english} style"
    return f"make {x} in the style of {english}"


def _target(x: str) -> str:
    """What an edit is about: "it" for the picture, else the thing."""
    x = re.sub(r"(?:的)?(?:颜色|色彩|样子|造型)$", "", x.strip()) or "它"
    if re.fullmatch(rf"{_SUBJECT}(?:里|中)?", x) or x in TIMES or re.sub("的$", "", x) in LOOKS:
        return "it"
    return definite(x)


_SHADES: Final = {
    "浅": "light", "淡": "light", "深": "dark", "暗": "dark", "亮": "bright", "鲜": "bright",
    "正": "", "哑光": "matte", "荧光": "neon", "嫩": "light", "酒": "wine", "宝石": "sapphire",
}  # fmt: skip
_SHADE: Final = re.compile(rf"(?P<s>{'|'.join(_SHADES)})(?P<c>.{{1,3}}?)(?:的)?")


def _colour(text: str) -> str | None:
    if (shade := _SHADE.fullmatch(text)) and shade["c"] in COLOURS:
        return f"{_SHADES[shade['s']]} {COLOURS[shade['c']]}".strip()
    return COLOURS.get(re.sub(r"(?:纯|全)?(.+?)(?:的|了)?", r"\1", text)) or COLOURS.get(
        re.sub(r"^(?:纯|全|大|一种|一个)|(?:的|了|颜色)$", "", text)
    )


_METALS: Final = ("金", "纯金", "黄金", "纯银", "银子", "玻璃", "石头", "木头", "金属", "水晶")


def _become(groups: Groups) -> str | None:
    """x becomes y."""
    target, y = _target(groups["x"]), groups["y"].removesuffix("了")
    if groups["x"].endswith(("眼", "嘴")):
        target = f"the {target.removeprefix('the ')}"
    made = re.sub(r"(?:做|制|材质)?(?:的|材质)$|制$", "", y)
    if colour := _colour(y) if made not in _METALS else None:
        if target == "it" and re.search(PICTURE, groups["x"]):
            if colour == "grey":
                return "make it black and white"
            return f"give it a {colour} tint"
        return f"make {target} {'blonde' if 'hair' in target and colour == 'golden' else colour}"
    if (background := _background(y)) and target == "it":
        return background
    if (found := look(y, target) or _quality(y, target)) is not None:
        return found
    if target == "it" and (tint := _tint(y)):
        return tint
    if (count := counted_only(y)) and target != "it":
        return f"turn {target} into {several(groups['x'], count)}"
    if made in MATERIALS and (made != y or made in _METALS):
        return f"make {target} out of {MATERIALS[made].replace('wooden', 'wood')}"
    if (found := style(y, target)) is not None:
        return found
    if like := _LIKE.fullmatch(y):
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


def _background(text: str) -> str | None:
    """蓝色背景, 森林背景: a new background."""
    found = re.fullmatch(r"(?:一个|个|一张)?(?P<y>.*?)(?:的|做|作|当|为)?背景", text)
    if not found or not found["y"]:
        return None
    if colour := _colour(found["y"]):
        return f"make the background {colour}"
    return f"change the background to {indefinite(found['y'])}"


def _quality(text: str, target: str) -> str | None:
    """更亮一点, 金属的, 开心: how x is to be."""
    plain = re.sub(rf"^{_MORE}|{_BIT}$|(?:的|了)$", "", text)
    plain = re.sub(rf"{_BIT}$", "", plain) if plain not in COMPARATIVES else plain
    if plain in COMPARATIVES:
        return f"make {target} {COMPARATIVES[plain]}"
    if plain in STATES:
        return f"make {target} {STATES[plain]}"
    return None


def _qualify(groups: Groups) -> str | None:
    """x更亮一点: x is to be more of something, or in some state."""
    target, y = _target(groups["x"]), groups["y"]
    if y in ACTIONS:
        return f"make {target} {ACTIONS[y]}"
    if (found := _quality(y, target) or look(y, target)) is not None:
        return found
    if (colour := _colour(y)) and groups["more"].startswith(("变", "更", "弄", "调", "染")):
        return f"make {target} {colour}"
    return None


def _act(groups: Groups) -> str | None:
    action = ACTIONS.get(re.sub(r"^(?:正在|在|去)|(?:了|着)$", "", groups["y"])) or ACTIONS.get(
        groups["y"]
    )
    return f"make {_target(groups['x'])} {action}" if action else None


def _seem(groups: Groups) -> str | None:
    target, y = _target(groups["x"]), groups["y"]
    y = re.sub(r"(?:是)?(?:一样|似的|那样|的样子|拍的)$", "", y)
    if (found := look(y, target)) is not None:
        return found
    return style(y, target) or f"make {target} look like {indefinite(y)}"


def _add(groups: Groups) -> str | None:
    """y is added at p, or to the thing p."""
    p, y = groups.get("p", ""), re.sub(r"^(?:上|了|入)", "", groups["y"])
    if not p and (found := _tint(y)):
        return found
    if not p and (found := look(y)) and ("滤镜" in y or "效果" in y or _effect_added(y)):
        return found
    if p and re.fullmatch(rf"{_SUBJECT}(?:里|中|上|里面)?", p):
        return _add({"y": y})
    if background := _background(y):
        return background
    if not p:
        return f"add {indefinite(y)}"
    if (place := location(p)) is not None:
        return f"add {indefinite(y)} {place}"
    return f"add {indefinite(y)} to {definite(p)}"


def _effect_added(text: str) -> bool:
    return bool(
        re.fullmatch(
            r"(?:一?点|一?些|一?层)?(?:上)?(?:雾|薄雾|雾气|浓雾|雨|雪|大雪|大雨|暗角|噪点|颗粒|颗粒感|胶片感|噪点)",
            text,
        )
    )


def _tint(text: str) -> str | None:
    found = re.fullmatch(
        r"(?:一层|一点|层|点|一个|个)?(?P<c>.+?)(?:的)?(?:色调|滤镜|调|光|光线|色彩)", text
    )
    colour = found and (_colour(found["c"]) or _colour(f"{found['c']}色"))
    return f"give it a {colour} tint" if colour else None


def _wear(groups: Groups) -> str:
    """Clothes are worn, other things are put on."""
    who, what = groups["x"] or "它", indefinite(groups["y"])
    if groups["verb"].startswith(("穿", "换")):
        return f"make {definite(who)} wear {what}"
    return f"add {what} to {definite(who)}"


def _remove(groups: Groups) -> str | None:
    x, place = groups["x"].removesuffix("都").removesuffix("给"), ""
    if not x:
        return None
    if groups.get("p"):
        place = location(groups["p"]) or ""
    return f"remove {definite(x)} {place}".strip()


_ACROSS: Final = {"左": "右", "右": "左", "上": "下", "下": "上"}


def _move(groups: Groups) -> str:
    side = {"左": "to the left", "右": "to the right", "上": "up", "下": "down"}[groups["d"]]
    return f"move {definite(groups['x'])} {side}"


def _move_to(groups: Groups) -> str | None:
    """移到左边 is a direction, 移到树旁边 a place; something new that is put there is added."""
    x, p = groups["x"], groups["p"]
    place = location(p)
    if place is None:
        return None
    if side := re.fullmatch(r"(?:最)?([左右上下])(?:边|侧|面|方)", p):
        return _move({"x": x, "d": side[1]})
    if thing(x).count and not x.startswith(("这", "那")):
        return f"add {indefinite(x)} {place}"
    return f"move {definite(x)} {place}"


def _same_again(groups: Groups) -> str:
    return f"duplicate {definite(groups['x'])}"


def _bare(groups: Groups) -> str | None:
    """A look without a verb, or a thing that is counted and so new: 黑白, 一只猫."""
    y = groups["y"]
    if (found := look(y) or style(y) or _background(y) or _quality(y, "it")) is not None:
        return found
    if colour := _colour(y.removesuffix("色调").removesuffix("调") if "调" in y else ""):
        return f"give it a {colour} tint"
    if _colour(y) or y in PRONOUNS or not thing(y).count or thing(y).count == "all":
        return None
    return f"add {indefinite(y)}"


def _rule(
    pattern: str, english: Callable[[Groups], str | None]
) -> tuple[re.Pattern[str], Callable[[Groups], str | None]]:
    return re.compile(pattern), english


_QUALITIES: Final = "|".join(
    sorted({*COMPARATIVES, *STATES, *ACTIONS, *COLOURS, *LOOKS}, key=len, reverse=True)
)
_MOVES: Final = "(?:移一移|挪一挪|挪挪|动一动|移动|平移|移|挪动|挪|靠)?(?:过去)?(?:一点|一些|点|些)?"
_RULES: Final = (
    # keep
    _rule(
        r"(?:保持|保留)(?P<x>.+?)(?:不变|原样|不动)?|(?:不要|别)(?:改变|改动|动|改|碰)(?P<z>.+)|(?P<w>.+?)(?:保持)?不变",
        lambda g: f"keep {_target(g['x'] or g['z'] or g['w'])} unchanged",
    ),
    # background
    _rule(
        r"(?:给.+?)?(?:换成|换上|换个|换|改成|变成|使用|用|加上|加|要)(?:了)?(?P<y>.+?背景)",
        lambda g: _background(g["y"]),
    ),
    _rule(
        rf"{_BA}(?P<x>.+?)(?:进行|做)?(?:虚化|模糊|虚|弄糊|糊)(?:掉|处理)?{_BIT}|(?:虚化|模糊)(?:掉)?(?P<y>.+)",
        lambda g: f"blur {_target(g['x'] or g['y'])}",
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
        rf"(?:使)?用(?P<y>.+?)(?:的)?(?:风格|画风|手法|笔触|技法|方式)(?:来)?(?:重新)?(?:画|绘制|重绘|呈现|绘画|处理|表现|渲染)?(?:一下)?(?P<x>.*)",
        lambda g: style(f"{g['y']}风格", _target(g["x"])),
    ),
    _rule(
        r"在(?P<x>.+?)(?:原来)?的(?:位置|地方)(?:上)?(?:放上|放|画上|画|加上|加|换上|换成|摆)(?P<y>.+)",
        lambda g: f"replace {definite(g['x'])} with {indefinite(g['y'])}",
    ),
    # size
    _rule(
        rf"{_BA}(?P<x>.+?)(?:放大|变大|画大|调大|加大|增大|扩大)(?:一倍|两倍|几倍)?{_BIT}|(?:放大|加大|增大)(?P<y>.+)",
        lambda g: f"make {_target(g['x'] or g['y'])} bigger",
    ),
    _rule(
        rf"{_BA}(?P<x>.+?)(?:缩小|变小|画小|调小|减小)(?:一半|一倍)?{_BIT}|(?:缩小|减小)(?P<y>.+)",
        lambda g: f"make {_target(g['x'] or g['y'])} smaller",
    ),
    _rule(
        rf"(?P<x>.*?)(?:有点|有些|看起来)?太(?P<y>{'|'.join(OPPOSITES)})(?:了)?",
        lambda g: f"make {_target(g['x'])} {OPPOSITES[g['y']]}",
    ),
    _rule(
        rf"(?:再)?(?:更|再)?(?P<y>{'|'.join(COMPARATIVES)})(?:一点|一些|点|些)的(?P<x>.+)|更(?P<z>{'|'.join(COMPARATIVES)})的(?P<w>.+)",
        lambda g: f"make {_target(g['x'] or g['w'])} {COMPARATIVES[g['y'] or g['z']]}",
    ),
    _rule(
        rf"(?P<x>.*?)(?:不要|别)(?:那么|这么|太)(?P<y>{'|'.join(OPPOSITES)})",
        lambda g: f"make {_target(g['x'])} {OPPOSITES[g['y']]}",
    ),
    _rule(
        r"(?:让|使|把)(?P<x>.+?)(?:变)?(?P<y>年轻|老)[一二两三四五六七八九十百几\d]+岁",
        lambda g: f"make {_target(g['x'])} {COMPARATIVES[g['y']]}",
    ),
    # moves
    _rule(
        r"(?P<x>.+?)(?:有点)?太靠(?P<d>[左右上下])(?:边)?(?:了)?",
        lambda g: _move({**g, "d": _ACROSS[g["d"]]}),
    ),
    _rule(
        r"(?:把|将|让)?(?P<x>.+?)(?:抬高|移高|提高|升高|举高)(?:一点|一些)?",
        lambda g: _move({**g, "d": "上"}),
    ),
    _rule(
        r"(?:把|将|让)?(?P<x>.+?)(?:放低|移低|降低)(?:一点|一些)?",
        lambda g: _move({**g, "d": "下"}),
    ),
    _rule(r"(?:把|将|让)?(?P<x>.+?)(?:再)?靠(?P<d>[左右上下])(?:边)?(?:一点|一些)?", _move),
    _rule(
        rf"(?:把|将|让|使)?(?P<x>.+?)(?:再)?(?:往|向|朝)(?P<d>[左右上下])(?:边|侧|方|面)?{_MOVES}",
        _move,
    ),
    _rule(r"(?:往|向|朝)?(?P<d>[左右上下])(?:边)?(?:移动|移|挪动|挪|平移)(?P<x>.+)", _move),
    _rule(r"(?:把|将|让)?(?P<x>.+?)(?P<d>[左右上下])移(?:一点|一些)?", _move),
    _rule(
        r"(?:把|将|让)(?P<x>.+?)(?:移动到|移到|挪到|放到|放在|摆在|搬到|移至|放进|加到|添加到|加在|画在)(?P<p>.+?)(?:去|来)?",
        _move_to,
    ),
    # copies
    _rule(
        r"(?:复制|克隆|再来|再加|再画)(?:一)?.?(?:一模一样|同样|一样|相同)的(?P<x>.+)", _same_again
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
        r"(?:复制|克隆|拷贝)(?:一个|一只|一份|一下|出)?(?P<x>.+)|(?:把|将)(?P<y>.+?)(?:复制|克隆|拷贝)(?:一份|一个|一只|一下|一遍)?",
        lambda g: _same_again({"x": g["x"] or g["y"]}),
    ),
    _rule(rf"(?:再)?(?:{_ADD})?(?:一|1)?.?(?:一模一样|同样|一样|相同)的(?P<x>.+)", _same_again),
    # clothes
    _rule(
        rf"(?:给|让|在)?(?P<x>.+?)(?:的)?(?:头|脖子|脸|身|手|脚|腰|耳朵|鼻子|头顶)(?:上)(?P<verb>{_WEAR}|加上|加|来)(?P<y>.+)",
        _wear,
    ),
    _rule(rf"(?:给|让|帮|为|叫|使|把)(?P<x>.+?)(?:也)?(?P<verb>{_WEAR})(?P<y>.+)", _wear),
    _rule(rf"(?P<verb>{_WEAR})(?P<y>.+)", lambda g: _wear({**g, "x": "它"})),
    _rule(r"(?P<x>.+?)(?:也)?(?P<verb>戴上|戴着|戴|穿上|穿着|穿)(?P<y>.+)", _wear),
    _rule(
        r"(?:把|将)(?P<y>.+?)戴(?:在|到)(?P<x>.+?)(?:的)?(?:头上|脸上|脖子上|身上|头顶|手上)",
        lambda g: f"put {indefinite(g['y'])} on {definite(g['x'])}",
    ),
    # remove
    _rule(rf"(?:把|将)(?P<x>.+?)从.+?(?:里|中|上)?{_REMOVE}", _remove),
    _rule(r"(?:把|将)(?P<x>.+?)(?:弄没|变没|P没|去了)(?:了)?", _remove),
    _rule(rf"(?:从|在)(?P<p>.+?)(?:里|中)?{_REMOVE}(?P<x>.+)", _remove),
    _rule(rf"{_REMOVE}(?P<x>.+)", _remove),
    _rule(
        rf"(?:把|将|让)?(?P<x>.+?)(?:全部|全|都|全都|给)?(?:{_REMOVE}|消失(?:不见)?|不见|不要(?:了)?|隐藏|隐去)(?:了)?",
        _remove,
    ),
    _rule(r"(?:我)?(?:不想要|不要|没有|不要有|别要|不想看到|不需要|去)(?P<x>.+)", _remove),
    # how it looks
    _rule(
        r"(?:把|将|让|使|给)?(?P<x>.*?)(?:看起来|看上去|变得|显得|弄得|画得|做得)?(?:就)?(?:像是|好像|像|如同|仿佛)(?:是)?(?P<y>.+)",
        _seem,
    ),
    _rule(rf"(?:把|将|让|使|叫|给)?(?P<x>.*?)(?P<verb>{_BECOME})(?P<y>.+)", _become),
    _rule(
        rf"(?:给|把|将)(?P<x>.+?){_PAINT}(?:了)?(?:个|一层|点|上|一个)?(?P<y>.+?)(?:的)?(?:颜色|漆|油漆)?",
        lambda g: f"make {_target(g['x'])} {_colour(g['y'])}" if _colour(g["y"]) else None,
    ),
    _rule(r"(?:让|使|叫|请)(?P<x>.+?)(?P<y>(?:正在|在)?[^的]{1,6})", _act),
    _rule(
        rf"(?:把|将|让|使|给)?(?P<x>.*?)(?P<more>{_MORE})(?P<y>{_QUALITIES}){_BIT}(?:的|了)?",
        _qualify,
    ),
    _rule(
        r"(?:把|将|给)?(?P<x>.+?)(?:要|应该是|换|改|变|偏|是)(?P<y>[^成为].*)",
        lambda g: _become(g) if _colour(g["y"]) else None,
    ),
    _rule(r"(?:把|将)?(?P<x>.+?)换(?:个|一个)?(?P<y>.+)", lambda g: _become({**g, "verb": "换"})),
    _rule(
        r"(?:让|使|叫)(?P<x>.+?)(?P<y>(?:坐|站|躺|趴|飞|停|挂)在.+)",
        lambda g: f"show {_target(g['x'])} {participle(g['y'])}",
    ),
    _rule(
        r"(?:更换|换)(?:一)?(?:个|件|种|顶|条|双|身|下)(?P<x>.+)",
        lambda g: f"change {definite(g['x'])}",
    ),
    # add
    _rule(rf"(?:在|往|到|于)(?P<p>.+?)(?:再|多|也|还|要|应该)*{_ADD}(?:上)?(?P<y>.+)", _add),
    _rule(rf"(?:给|为|帮|让|使|叫)(?P<p>.+?)(?:再|多)?(?:{_ADD}|有|多了?)(?:上)?(?P<y>.+)", _add),
    _rule(rf"(?:再|多|还)*{_ADD}(?:上)?(?P<y>.+?)(?:在|到)(?P<p>.+)", _add),
    _rule(rf"(?:再|多|还)*{_ADD}(?:上)?(?P<y>.+)", _add),
    _rule(rf"(?P<p>[^的把将]+?)(?:再|多|要|应该|需要)*(?:{_ADD}|有)(?:上)?(?P<y>.+)", _add),
    _rule(
        r"(?:给|送)(?P<x>.+?)(?:配|来)?(?P<y>一.+)",
        lambda g: f"give {definite(g['x'])} {indefinite(g['y'])}",
    ),
    _rule(r"(?P<y>.+)", _bare),
)
