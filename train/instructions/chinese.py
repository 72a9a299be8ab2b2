"""Chinese: its words, and how a plain sentence is joined and typed."""

from __future__ import annotations

from typing import Final

import numpy as np

from train.instructions.chinese_wordings import WORDINGS
from train.instructions.grammar import Grammar, Slots, as_others, pick

_NAMED_PICTURE: Final = (
    "图片", "照片", "画面", "这张图", "这张照片", "整张图", "图像", "整个画面", "这张图片",
    "整张照片",
)  # fmt: skip

# The slots that every template may have.
_WORDS: Final[Slots] = {
    "s": (*_NAMED_PICTURE, "图片", "照片", "画面", "它"),
    "become": ("变成", "变成", "改成", "变为", "改为", "弄成", "换成"),
    "add": ("加", "加", "放", "画", "添", "加上", "放上", "添加", "画上"),
    "remove": (
        "去掉", "去掉", "删掉", "删除", "移除", "抹掉", "去除", "擦掉", "拿掉", "拿走", "弄走",
    ),
    "replace": ("换成", "换成", "替换成", "变成", "改成", "替换为", "变为"),
    "paint": ("变成", "改成", "涂成", "染成", "换成", "弄成", "刷成", "变为"),
    "raise": ("提高", "增加", "增强", "调高", "加大"),
    "lower": ("降低", "减少", "减弱", "调低", "减小"),
    "hat": ("帽子", "帽子", "帽子", "礼帽"),
    "glasses": ("墨镜", "墨镜", "太阳镜", "太阳眼镜"),
}  # fmt: skip

# Measure word and noun, one pair a synonym.
_NOUNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "cat": (("只", "猫"), ("只", "猫"), ("只", "小猫"), ("只", "猫咪")),
    "dog": (("只", "狗"), ("条", "狗"), ("只", "小狗"), ("只", "狗狗")),
    "horse": (("匹", "马"), ("匹", "马"), ("匹", "小马")),
    "pig": (("头", "猪"), ("只", "猪"), ("只", "小猪")),
    "rabbit": (("只", "兔子"), ("只", "兔子"), ("只", "小兔子")),
    "elephant": (("头", "大象"), ("只", "大象"), ("头", "象")),
    "bird": (("只", "鸟"), ("只", "小鸟")),
    "duck": (("只", "鸭子"), ("只", "鸭子"), ("只", "小鸭子")),
    "fish": (("条", "鱼"), ("条", "鱼"), ("条", "小鱼")),
    "turtle": (("只", "乌龟"), ("只", "海龟")),
    "butterfly": (("只", "蝴蝶"),),
    "bear": (("只", "熊"), ("头", "熊"), ("只", "玩具熊")),
    "penguin": (("只", "企鹅"),),
    "car": (("辆", "车"), ("辆", "汽车"), ("辆", "小汽车"), ("辆", "轿车")),
    "bus": (("辆", "公交车"), ("辆", "公共汽车"), ("辆", "巴士"), ("辆", "大巴")),
    "bicycle": (("辆", "自行车"), ("辆", "自行车"), ("辆", "单车")),
    "airplane": (("架", "飞机"),),
    "boat": (("艘", "船"), ("条", "船"), ("条", "小船"), ("艘", "帆船")),
    "train": (("列", "火车"), ("辆", "火车")),
    "rocket": (("枚", "火箭"), ("个", "火箭")),
    "apple": (("个", "苹果"),),
    "banana": (("根", "香蕉"), ("个", "香蕉")),
    "pizza": (("块", "披萨"), ("个", "披萨"), ("块", "比萨")),
    "cake": (("个", "蛋糕"), ("块", "蛋糕"), ("个", "生日蛋糕")),
    "strawberry": (("颗", "草莓"), ("个", "草莓")),
    "carrot": (("根", "胡萝卜"), ("个", "胡萝卜")),
    "pumpkin": (("个", "南瓜"), ("个", "南瓜"), ("个", "南瓜灯")),
    "ball": (("个", "球"), ("个", "皮球"), ("个", "足球")),
    "balloon": (("个", "气球"), ("只", "气球")),
    "umbrella": (("把", "伞"), ("把", "雨伞")),
    "guitar": (("把", "吉他"),),
    "clock": (("个", "钟"), ("个", "时钟"), ("个", "闹钟")),
    "gift": (("份", "礼物"), ("个", "礼物"), ("个", "礼盒")),
    "sunflower": (("朵", "向日葵"), ("株", "向日葵"), ("棵", "向日葵")),
    "palm tree": (("棵", "棕榈树"), ("棵", "椰子树"), ("棵", "棕榈")),
    "house": (("座", "房子"), ("栋", "房子"), ("间", "小屋")),
    "mushroom": (("个", "蘑菇"), ("朵", "蘑菇")),
}

_COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("红色",),
    "orange": ("橙色", "橘色", "橘黄色"),
    "yellow": ("黄色",),
    "green": ("绿色",),
    "turquoise": ("青色", "青绿色", "蓝绿色"),
    "blue": ("蓝色",),
    "purple": ("紫色",),
    "pink": ("粉色", "粉红色"),
}

_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "top left": ("左上角", "左上角", "左上方", "左上", "左上边"),
    "top": ("上面", "上方", "上边", "顶部", "最上面"),
    "top right": ("右上角", "右上角", "右上方", "右上", "右上边"),
    "left": ("左边", "左边", "左侧", "左面"),
    "centre": ("中间", "中间", "中央", "正中间", "中心"),
    "right": ("右边", "右边", "右侧", "右面"),
    "bottom left": ("左下角", "左下角", "左下方", "左下", "左下边"),
    "bottom": ("下面", "下方", "下边", "底部", "最下面"),
    "bottom right": ("右下角", "右下角", "右下方", "右下", "右下边"),
}


def _noun_slots(measure: str, noun: str) -> Slots:
    counted = measure + noun
    return {
        "n": (noun,),
        "m": (measure,),
        "mn": (counted,),
        "the": (noun, noun, noun, noun, f"这{counted}", f"那{counted}", f"图里的{noun}"),
    }


_NOUN_SLOTS: Final = {
    noun: tuple(_noun_slots(measure, word) for measure, word in forms)
    for noun, forms in _NOUNS.items()
}

# What goes around a sentence; only a command, which starts with a verb, takes the first ones.
AROUND_COMMANDS: Final = (
    ("请", ""), ("请", ""), ("帮我", ""), ("帮我", ""), ("请帮我", ""), ("麻烦", ""),
    ("麻烦帮我", ""), ("能不能", "？"), ("能不能帮我", "？"), ("可以", "吗？"), ("能", "吗"),
    ("可以帮我", "吗"), ("我想", ""), ("我要", ""), ("你能", "吗？"), ("", "可以吗"), ("", "好吗"),
)  # fmt: skip
AROUND: Final = (
    ("", "吧"), ("", "吧"), ("", "，谢谢"), ("", "谢谢"), ("", "，好吗"), ("", "，麻烦了"),
)  # fmt: skip
_COMMANDS: Final = (
    "把", "将", "给", "让", "在", "往", "用", "别", "不要", "变成", "变为", "改成", "改为", "改变",
    "弄成", "换成", "转换", "处理", "画", "去", "删", "移", "抹", "擦", "拿", "弄走", "清除",
    "复制", "克隆", "放", "加", "添", "再加", "再来", "再放", "再画", "再添", "多加", "左移",
    "右移", "上移", "下移", "向左", "向右", "向上", "向下", "提", "增", "降", "减", "调", "压",
    "缩", "虚化", "染", "套", "打上", "反转", "柔化", "保持", "保留",
)  # fmt: skip

_JOINED: Final = (
    "{}，然后{}", "{}，然后{}", "{}，再{}", "{}，{}", "{}，并且{}", "{}，同时{}", "{}，还要{}",
    "{}，顺便{}", "{}；{}", "{}。{}", "{}然后{}", "{}，另外{}",
)  # fmt: skip
_JOINED_COMMANDS: Final = (
    "先{}，再{}",
    "先{}，然后{}",
    "先{}，接着{}",
    "首先{}，其次{}",
    "{}之后{}",
)

_HOMOPHONES: Final = {
    "在": "再", "像": "象", "的": "得", "戴": "带", "变": "便", "换": "唤", "成": "城", "帽": "冒",
    "景": "井", "移": "一", "张": "章", "做": "作", "蓝": "篮", "把": "吧", "镜": "境",
}  # fmt: skip


def _is_command(text: str) -> bool:
    return text.startswith(_COMMANDS) and not text.startswith("画面")


def join(first: str, second: str, rng: np.random.Generator) -> str:
    """One sentence for two."""
    ordered = _is_command(first) and _is_command(second) and rng.random() < 0.35
    return pick(_JOINED_COMMANDS if ordered else _JOINED, rng).format(first, second)


def dress(text: str, rng: np.random.Generator) -> str:
    """Politeness, mistakes and the full stop."""
    if rng.random() < 0.35:
        command = _is_command(text) and rng.random() < 0.75
        before, after = pick(AROUND_COMMANDS if command else AROUND, rng)
        text = before + text + after
    if rng.random() < 0.07:
        text = _typo(text, rng)
    mark = rng.random()
    if text.endswith("？"):
        return text
    return text + ("。" if mark < 0.2 else "！" if mark < 0.24 else "")


def _typo(text: str, rng: np.random.Generator) -> str:
    """One character typed twice, or mistaken for another that is typed the same way."""
    at = int(rng.random() * len(text))
    wrong = _HOMOPHONES.get(text[at], 2 * text[at])
    return text[:at] + wrong + text[at + 1 :]


CHINESE: Final = Grammar(
    wordings=WORDINGS,
    words=_WORDS,
    nouns=_NOUN_SLOTS,
    others=as_others(_NOUN_SLOTS),
    colours={colour: tuple({"c": (word,)} for word in words) for colour, words in _COLOURS.items()},
    places={place: {"p": words} for place, words in _PLACES.items()},
    named_picture=_NAMED_PICTURE,
    join=join,
    dress=dress,
)
