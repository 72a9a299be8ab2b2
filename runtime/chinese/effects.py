"""Looks and scenes that the whole picture, or a thing in it, can take on.

In the English of a look ``{x}`` stands for what it is to be: "it", or a thing.
"""

from __future__ import annotations

from typing import Final

from runtime.chinese.words import listed, table

LOOKS: Final = table("""
黑白 黑白照片 黑白照 黑白色 灰度 灰度图 单色=make {x} black and white;
怀旧 泛黄 棕褐色 棕褐 老照片色 褐色调=make {x} sepia;
夜晚 夜里 黑夜 晚上 夜景 深夜 夜间 半夜 午夜 夜色 夜 天黑=make {x} night;
日落 黄昏 傍晚 夕阳 夕阳西下 日落时分 晚霞 落日=make {x} sunset;
白天 日间 大白天 白昼=make {x} daytime; 早晨 清晨 早上 晨光 黎明=make {x} early morning;
日出 朝阳=make {x} sunrise; 中午 正午=make {x} noon; 暖色 暖色调 暖调 温暖=make {x} warmer;
冷色 冷色调 冷调 寒冷=make {x} colder; 反色 负片 底片 反相=invert the colours;
大雾 雾天 雾蒙蒙 雾景 起雾 薄雾 有雾 浓雾 雾=make {x} foggy;
模糊 失焦 高斯模糊 虚化=make {x} blurry;
素描 铅笔速写 铅笔手绘 铅笔素描 铅笔画 素描画 线稿 炭笔画 速写 手绘=turn {x} into a pencil sketch;
简笔画 线描=turn {x} into a line drawing; 粉笔画=turn {x} into a chalk drawing;
蜡笔画=turn {x} into a crayon drawing;
水墨画 水墨 国画 中国画 山水画 中国水墨画=turn {x} into a Chinese ink painting;
油画 油彩 布面油画=turn {x} into an oil painting;
水彩画 水彩=turn {x} into a watercolour painting; 水粉画=turn {x} into a gouache painting;
卡通 卡通画 卡通片 动画片=turn {x} into a cartoon;
动漫 动画 二次元 日漫=turn {x} into an anime picture; 漫画=turn {x} into a comic;
像素 像素游戏 像素画 像素艺术 像素图=turn {x} into pixel art; 壁画=turn {x} into a mural;
电影海报=turn {x} into a movie poster; 海报=turn {x} into a poster;
3D 三维 3D渲染=turn {x} into a 3D render; 剪纸=turn {x} into a paper cut;
马赛克=turn {x} into a mosaic; 版画=turn {x} into a print; 刺绣=turn {x} into embroidery;
折纸=turn {x} into origami; 邮票=turn {x} into a stamp; 彩色玻璃=turn {x} into stained glass;
下雪 雪天 雪景 大雪 飘雪 冰天雪地 雪=make {x} snow; 下雨 雨天 大雨 雨景 雨=make {x} rain;
晴天 晴朗 大晴天 阳光明媚=make {x} sunny; 阴天 多云=make {x} cloudy;
暴风雨 雷雨 雷阵雨 风暴=make {x} stormy; 沙尘暴=add a sandstorm; 暗角 晕影=add a vignette;
复古 旧旧 很旧 老旧 陈旧 旧照片 老照片 年代感=make {x} vintage;
默片 无声电影 胶片颗粒 老电影 老胶片 胶片 旧电影 电影胶片=make {x} look like an old film;
电影=make {x} look like a film still; 噪点 颗粒=add grain;
梵高 梵谷 凡高=paint {x} in the style of Van Gogh;
浮世绘 木版画 日本版画 葛饰北斋=turn {x} into a Japanese woodblock print;
蒙克=paint {x} in the style of Munch; 表现主义=turn {x} into an expressionist painting;
印象派 印象主义=turn {x} into an impressionist painting;
毕加索=paint {x} in the style of Picasso; 莫奈=paint {x} in the style of Monet;
立体主义 立体派=turn {x} into a cubist painting; 抽象 抽象画=turn {x} into an abstract painting;
波普 波普艺术=turn {x} into pop art; 星月夜=paint {x} like Van Gogh's Starry Night;
宫崎骏 宫崎骏动画 吉卜力=paint {x} in the style of Miyazaki;
迪士尼=paint {x} in the style of Disney; 皮克斯=paint {x} in the style of Pixar;
赛博朋克=make {x} cyberpunk; 蒸汽朋克=make {x} steampunk; 哥特 哥特式=make {x} gothic;
科幻=make {x} look like science fiction; 奇幻 童话=make {x} look like a fairy tale;
霓虹=add neon light; 极简 极简主义=make {x} minimalist; 写实=make {x} realistic;
梦幻=make {x} dreamy; 恐怖片=make {x} look like a horror film; 春天 春季 春=make {x} spring;
夏天 夏季 夏日=make {x} summer; 秋天 秋季 秋 深秋=make {x} autumn;
冬天 冬季 冬日 冬=make {x} winter; 圣诞节 圣诞=make {x} Christmas; 万圣节=make {x} Halloween;
春节 新年 过年=make {x} Chinese New Year;
""")
# Looks that are times of day: "turn day into night" is about the whole picture.
TIMES: Final = listed("""
白天 黑夜 夜晚 晚上 早晨 早上 中午 日间 白昼 夏天 冬天 春天 秋天 夏季 冬季 春季 秋季 晴天 雨天
阴天
""")

# Sentences that have no slot, after the picture is left out of them: a pattern, and its English.
SENTENCES: Final = (
    (r"(?:什么|哪里|哪儿)?(?:都|也)?(?:不要|别|不用|不需要|不必|不)(?:做)?(?:任何)?(?:再)?(?:做"
     r"|改|动|变|修改|改变|改动|变动)(?:任何)?(?:东西|什么|地方|修改|它)?|什么也不做|(?:就)?"
     r"(?:保持|维持|保留)(?:原样|不变|原状|现状|原图|这样)|原样(?:输出)?|不变",
     "do not change anything"),
    (
        r"(?:全部)?去色|(?:去掉|去除|移除|删除|不要|去)(?:所有|全部)?(?:的)?(?:颜色|色彩)|"
        r"(?:颜色|色彩)(?:全部)?(?:去掉|去除|不要)|没有颜色|(?:只)?保留黑白",
        "make it black and white",
    ),
    (
        r"反转(?:所有)?(?:的)?(?:颜色|色彩)|(?:颜色|色彩)(?:反转|取反|反过来)|反色处理|反色|反相",
        "invert the colours",
    ),
    (r"(?:太阳|夕阳)(?:快要|快|将要|要|正在|正)?(?:落山|下山|落下)(?:去)?", "make it sunset"),
    (r"(?:光线|光|曝光)(?:有点)?太(?:强|亮)(?:了)?", "make it darker"),
    (r"(?:光线|光|曝光)(?:有点)?太(?:弱|暗)(?:了)?|光线不(?:足|够)", "make it brighter"),
    (r"(?:有点|太)?(?:糊|模糊)了|(?:太|有点)(?:糊|模糊)|看不清", "make it sharper"),
    (
        r"(?:有点|有些|稍微)?(?:太|过于|过)(?:暗|黑)(?:了)?|(?:太暗了)?提亮|打亮|(?:多一点|加点"
        r"|多点|增加)(?:光|光线|亮光)|补光|(?:增加|提高)曝光",
        "make it brighter",
    ),
    (
        r"(?:有点|有些)?(?:太|过于|过)(?:亮|曝)(?:了)?|曝光过度(?:了)?|压暗|(?:少一点|减少|少点)"
        r"(?:光|光线)|(?:降低|减少)曝光",
        "make it darker",
    ),
    (
        r"(?:颜色|色彩)(?:有点)?太(?:淡|浅|素)(?:了)?|(?:颜色|色彩)(?:再)?(?:更|变)?(?:加)?"
        r"(?:鲜艳|浓郁|浓|艳|丰富|浓烈|饱满|明艳)|(?:颜色|色彩)?(?:更|变得|变)?(?:加)?(?:鲜艳"
        r"|艳丽)|(?:颜色|色彩)调(?:鲜艳|浓|艳)",
        "make the colours more vivid",
    ),
    (
        r"(?:颜色|色彩)(?:有点)?太(?:艳|浓|鲜艳)(?:了)?|(?:颜色|色彩)(?:再)?(?:更|变)?(?:加)?"
        r"(?:淡|浅|素|柔和|暗淡)|(?:颜色|色彩)调(?:淡|浅)|(?:颜色|色彩)?(?:不要|别)(?:那么|这么"
        r"|太)?(?:鲜艳|艳)",
        "make the colours less vivid",
    ),
    (
        r"(?:颜色|色彩|色温|色调|光线)?(?:再|更|偏|变|调|变得)?(?:加)?(?:暖和|温暖|暖)",
        "make it warmer",
    ),
    (r"(?:颜色|色彩|色温|色调|光线)?(?:再|更|偏|变|调|变得)?(?:加)?(?:寒冷|冷)", "make it colder"),
    (r"(?:四个?角(?:落)?|边缘|四周|边角|角落)(?:变|调|压|弄|再)?(?:暗|黑)", "add a vignette"),
    (r"柔化|柔焦|(?:更|再)(?:加)?柔和", "soften it"),
    (r"锐化|清晰化|变清晰|修复清晰|去模糊|(?:更|再)(?:加)?(?:清晰|清楚|锐利)", "make it sharper"),
    (r"降噪|去噪(?:点)?|(?:去掉|去除|减少)噪点", "remove the noise"),
    (
        r"(?:起雾|雾气|.{0,4}雾(?:气)?(?:笼罩|缭绕|弥漫).{0,6}|大雾弥漫|雾气弥漫|充满(?:了)?雾"
        r"(?:气)?)",
        "make it foggy",
    ),
    (r"(?:外面|窗外)?(?:在|正在|正)?下(?:着)?(?:大|小|起)?雪", "make it snow"),
    (r"(?:外面|窗外)?(?:在|正在|正)?下(?:着)?(?:大|小|暴|起)?雨", "make it rain"),
    (r"(?:让)?(?:天黑(?:下来)?|夜幕降临|天暗下来)", "make it night"),
    (r"(?:左右|水平)(?:翻转|镜像|颠倒|对调)|镜像(?:翻转)?|(?:翻转|镜像)", "flip it horizontally"),
    (r"(?:上下|垂直)(?:翻转|镜像|颠倒)|倒过来|颠倒过来", "flip it upside down"),
    (r"(?:向|往)?左旋转(?:90度)?|逆时针(?:旋转)?90度", "rotate it to the left"),
    (r"(?:向|往)?右旋转(?:90度)?|顺时针(?:旋转)?90度|旋转90度", "rotate it to the right"),
    (
        r"(?:背景)(?:再)?(?:进行)?(?:更|变|变得|弄)?(?:虚化|模糊)|(?:虚化|模糊)(?:掉)?"
        r"(?:的)?背景|(?:加|加上)?背景虚化|人像模式|浅景深",
        "blur the background",
    ),
    (r"(?:虚化|模糊)(?:处理)?|(?:更|再|变|变得)(?:加)?模糊", "make it blurry"),
    (r"(?:修复)(?:老照片|旧照片|一下)?", "restore it"),
    (
        r"(?:老照片|黑白照片)?(?:上色|着色)|(?:上色|着色|变彩色|变成彩色(?:的|照片)?)",
        "colourise it",
    ),
    (r"美颜|磨皮", "smooth the skin"),
)  # fmt: skip

# Properties of the picture: English of more and of less.
PROPERTIES: Final = {
    ("亮度", "曝光度", "曝光", "明度", "光线", "光"): ("make it brighter", "make it darker"),
    ("对比度", "对比", "反差", "明暗对比"): ("increase the contrast", "reduce the contrast"),
    ("饱和度", "色彩饱和度", "颜色饱和度", "鲜艳度", "色彩"): (
        "increase the saturation",
        "reduce the saturation",
    ),
    ("清晰度", "锐度", "锐化"): ("make it sharper", "make it softer"),
    ("色温",): ("make it warmer", "make it colder"),
}  # fmt: skip

# What is to be changed when something is too much of this.
OPPOSITES: Final = table("""
大=smaller; 小=bigger; 亮=darker; 暗 黑=brighter; 高=lower; 矮 低=taller; 长=shorter; 短=longer;
胖=slimmer; 瘦=fatter; 冷=warmer; 暖=colder; 模糊=sharper; 老=younger; 脏=cleaner; 宽=narrower;
窄=wider; 粗=thinner; 细=thicker; 旧=newer;
""")

# What somebody is to do: "make the girl smile".
ACTIONS: Final = table("""
微笑 笑 笑起来 笑一笑 露出微笑 露出笑容 笑一个=smile; 大笑 哈哈大笑=laugh; 哭 哭泣 哭起来=cry;
跳舞 跳起舞来=dance; 跑 跑步 跑起来 奔跑=run; 跳 跳起来=jump; 坐下 坐着 坐下来=sit down;
站起来 站着 站立=stand up; 睡觉 睡着=sleep; 飞 飞起来 飞翔=fly; 游泳=swim;
看镜头 看着镜头 看向镜头=look at the camera; 张嘴 张开嘴 张开嘴巴=open the mouth;
闭眼 闭上眼睛 闭上眼=close the eyes; 睁眼 睁开眼睛 睁开眼=open the eyes; 挥手 招手=wave;
吃东西=eat; 看书 读书=read a book; 戴眼镜=wear glasses; 牵手 手牵手=hold hands; 拥抱=hug;
接吻 亲吻=kiss; 鼓掌=clap; 唱歌=sing; 竖起大拇指=give a thumbs up; 转身=turn around; 眨眼=wink;
吐舌头=stick out the tongue; 举手 举起手=raise a hand; 发光 发亮=glow; 着火 燃烧 燃烧起来=burn;
开花 盛开=bloom; 结冰 冻结=freeze; 下沉=sink; 抬头=look up; 低头=look down;
""")

# Adjectives as what something is to be more of.
COMPARATIVES: Final = table("""
亮 明亮 光亮=brighter; 暗 昏暗 黑暗=darker; 大=bigger; 小=smaller; 高=taller; 矮 低=lower;
长=longer; 短=shorter; 胖=fatter; 瘦 苗条=slimmer; 宽=wider; 窄=narrower; 粗=thicker;
细=thinner; 厚=thicker; 薄=thinner; 好吃 美味=tastier; 年轻=younger; 老 苍老=older;
漂亮 美 好看 美丽 美观=more beautiful; 帅 帅气=more handsome; 可爱=cuter; 强壮=stronger;
清晰 清楚 锐利=sharper; 模糊=blurrier; 鲜艳 艳丽 鲜亮 鲜明 浓郁=more vivid; 淡 素=paler;
暖 温暖 暖和=warmer; 冷 寒冷=colder; 柔和=softer; 干净 整洁=cleaner; 脏=dirtier; 新=newer;
旧=older; 恐怖 可怕=scarier; 有趣 好玩=funnier; 白 白皙=whiter; 黑=darker; 光滑=smoother;
茂密 茂盛=lusher; 圆=rounder; 蓝=bluer; 绿=greener; 红=redder; 浪漫=more romantic;
梦幻=dreamier; 豪华=more luxurious; 逼真 真实=more realistic; 立体=more three-dimensional;
神秘=more mysterious; 热闹=livelier; 自然=more natural;
""")
STATES: Final = table("""
开心 快乐 高兴=happy; 悲伤 伤心 难过=sad; 生气 愤怒=angry; 惊讶 吃惊=surprised; 害怕=afraid;
严肃=serious; 透明=transparent; 秃 秃头 光头=bald; 湿=wet; 平静=calm; 空=empty; 酷=cool;
怀孕=pregnant; 彩色=colourful; 隐形=invisible; 闪闪发光 闪亮=shiny; 毛茸茸=fluffy;
破旧=old and worn;
""")

# What pictures are to be without.
FLAWS: Final = table("""
模糊 糊=blurry; 低质量 质量差 劣质=low quality; 低分辨率 低清=low resolution;
变形 畸形=deformed; 失真 扭曲=distorted; 过曝 曝光过度=overexposed; 欠曝 曝光不足=underexposed;
噪点 噪声=noise; 伪影=artifacts; 压缩痕迹=compression artifacts; 丑=ugly; 糟糕=bad;
多余的手指 多指=extra fingers; 颜色失真 偏色=wrong colours; 太暗 暗=dark; 太亮=too bright;
重影=double image;
""")
