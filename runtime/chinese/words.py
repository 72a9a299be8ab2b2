"""The words that edits are asked for with, written for this project; other nouns are CC-CEDICT's.

In a table, entries are parted by semicolons: Chinese words, an equals sign, their English. English
after ``~`` cannot be counted (snow), after ``+`` is plural (sunglasses), with the singular after a
slash where one may be counted out (clouds/cloud); after ``^`` it is a name without an article.
"""

from __future__ import annotations

from typing import Final


def table(text: str) -> dict[str, str]:
    """Chinese to English."""
    found: dict[str, str] = {}
    for entry in " ".join(text.split()).removesuffix(";").split(";"):
        words, _, english = entry.partition("=")
        found |= dict.fromkeys(words.split(), english.strip())
    return found


def listed(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


NOUNS: Final = table("""
猫 猫咪 小猫咪=cat; 小猫=kitten; 狗 狗狗 犬=dog; 小狗=puppy; 马=horse; 猪=pig;
兔子 兔 小兔子=rabbit; 大象 象=elephant; 鸟 鸟儿 小鸟=bird; 鸭子 鸭=duck; 鱼=fish;
乌龟 龟=turtle; 蝴蝶=butterfly; 熊=bear; 玩具熊 泰迪熊=teddy bear; 企鹅=penguin; 羊 绵羊=sheep;
山羊=goat; 牛=cow; 鸡=chicken; 鹅=goose; 老虎 虎=tiger; 狮子 狮=lion; 豹子 豹=leopard; 狼=wolf;
狐狸=fox; 猴子 猴=monkey; 熊猫 大熊猫=panda; 老鼠=mouse; 蛇=snake; 龙 巨龙=dragon;
恐龙=dinosaur; 鲸鱼 鲸=whale; 鲨鱼=shark; 海豚=dolphin; 鹰 老鹰=eagle; 鹿 小鹿=deer; 青蛙=frog;
蜜蜂=bee; 蚂蚁=ant; 蜘蛛=spider; 鸽子=pigeon; 海鸥=seagull; 天鹅=swan; 孔雀=peacock;
鹦鹉=parrot; 猫头鹰=owl; 骆驼=camel; 长颈鹿=giraffe; 斑马=zebra; 松鼠=squirrel; 动物=animal;
宠物=pet; 独角兽=unicorn; 金鱼=goldfish; 螃蟹=crab; 车 汽车 小汽车 轿车 小车=car;
跑车=sports car; 卡车 货车=truck; 公交车 公共汽车 巴士 大巴=bus; 出租车=taxi;
自行车 单车=bicycle; 摩托车 摩托=motorcycle; 电动车=electric scooter; 飞机=airplane;
直升机=helicopter; 船=boat; 轮船=ship; 帆船=sailboat; 火车 列车=train; 火箭=rocket;
马车=carriage; 飞碟=UFO; 热气球=hot air balloon; 飞船 宇宙飞船=spaceship; 坦克=tank;
无人机=drone; 潜水艇=submarine; 苹果=apple; 香蕉=banana; 橙子 橘子=orange;
披萨 比萨 比萨饼=pizza; 蛋糕=cake; 生日蛋糕=birthday cake; 草莓=strawberry; 胡萝卜=carrot;
南瓜=pumpkin; 南瓜灯=jack-o'-lantern; 西瓜=watermelon; 葡萄=+grapes; 桃子=peach; 梨=pear;
柠檬=lemon; 樱桃=cherry; 菠萝=pineapple; 汉堡 汉堡包=hamburger; 面包=~bread; 面条=+noodles;
米饭=~rice; 鸡蛋 蛋=egg; 冰淇淋 冰激凌=~ice cream; 咖啡=~coffee; 茶=~tea; 牛奶=~milk; 水=~water;
酒=~wine; 红酒=~red wine; 啤酒=~beer; 糖果=~candy; 巧克力=~chocolate; 饼干=cookie; 肉=~meat;
水果=~fruit; 蔬菜=+vegetables; 食物=~food; 汤=~soup; 月饼=mooncake; 饺子=+dumplings;
寿司=~sushi; 甜甜圈=donut; 三明治=sandwich; 薯条=+french fries; 沙拉=salad; 番茄 西红柿=tomato;
土豆=potato; 球 皮球=ball; 足球=soccer ball; 篮球=basketball; 气球=balloon; 伞 雨伞=umbrella;
吉他=guitar; 钢琴=piano; 小提琴=violin; 钟 时钟 钟表=clock; 闹钟=alarm clock; 手表=watch;
礼物=gift; 礼盒=gift box; 风筝=kite; 玩具=toy; 娃娃=doll; 积木=+building blocks;
乐高 乐高积木=~Lego; 书 书本=book; 报纸=newspaper; 杯子=cup; 咖啡杯=coffee cup; 玻璃杯=glass;
瓶子=bottle; 花瓶=vase; 碗=bowl; 盘子 盘=plate; 勺子=spoon; 叉子=fork; 刀 刀子=knife;
筷子=+chopsticks; 锅=pot; 盒子 箱子=box; 袋子=bag; 包 包包 手提包=handbag; 背包 书包=backpack;
行李箱=suitcase; 钱包=wallet; 钥匙=key; 手机 电话=phone; 电脑=computer; 屏幕=screen;
笔记本电脑=laptop; 电视 电视机=television; 相机 照相机=camera; 键盘=keyboard;
鼠标=computer mouse; 灯 台灯=lamp; 路灯=street lamp; 灯笼=lantern; 蜡烛=candle; 吊灯=chandelier;
灯光=+lights; 灯泡=light bulb; 桌子 桌=table; 书桌=desk; 椅子=chair; 凳子=stool; 沙发=sofa;
床=bed; 柜子=cabinet; 书架=bookshelf; 镜子=mirror; 窗户 窗子 窗=window; 窗帘=+curtains/curtain;
门=door; 墙 墙壁 墙面=wall; 地板=floor; 天花板=ceiling; 地毯=carpet; 枕头=pillow;
被子 毯子=blanket; 垃圾桶=trash can; 垃圾=~trash; 冰箱=refrigerator; 壁炉=fireplace;
画框=picture frame; 电线=+wires/wire; 电线杆=utility pole; 水印=watermark; 标志 商标=logo;
招牌 牌子=sign; 二维码=QR code; 文字 字=~text; 字幕=+subtitles; 日期=date; 影子 阴影=shadow;
反光=reflection; 污渍=stain; 划痕=scratch; 路人=passer-by; 人 人物=person;
人们 人群=+people/person; 男人 男士 男的 男子=man; 女人 女士 女的 女子=woman;
男孩 小男孩 男生=boy; 女孩 小女孩 女生 姑娘 小姑娘=girl; 孩子 小孩 小朋友 儿童=child;
婴儿 宝宝=baby; 老人=elderly person; 老爷爷=old man; 老奶奶=old woman; 美女=beautiful woman;
帅哥=handsome man; 新娘=bride; 新郎=groom; 公主=princess; 王子=prince; 国王=king;
女王 王后=queen; 骑士=knight; 医生=doctor; 护士=nurse; 警察=police officer; 消防员=firefighter;
厨师=chef; 老师=teacher; 学生=student; 士兵=soldier; 宇航员 航天员=astronaut; 机器人=robot;
外星人=alien; 海盗=pirate; 忍者=ninja; 武士=samurai; 女巫 巫婆=witch; 巫师=wizard;
鬼 幽灵=ghost; 吸血鬼=vampire; 僵尸=zombie; 天使=angel; 恶魔 魔鬼=devil; 雪人=snowman;
圣诞老人=Santa Claus; 超级英雄=superhero; 超人=Superman; 小丑=clown; 精灵=elf; 仙女=fairy;
怪物=monster; 美人鱼=mermaid; 雕像 雕塑=statue; 佛像=Buddha statue; 蜘蛛侠=Spider-Man;
皮卡丘=Pikachu; 奥特曼=Ultraman; 孙悟空=the Monkey King; 帽子=hat; 礼帽=top hat; 草帽=straw hat;
牛仔帽=cowboy hat; 棒球帽=baseball cap; 圣诞帽=Santa hat; 生日帽=party hat; 皇冠 王冠=crown;
头盔=helmet; 墨镜 太阳镜 太阳眼镜=+sunglasses; 眼镜=+glasses; 口罩=face mask; 面具=mask;
围巾=scarf; 领带=tie; 领结=bow tie; 蝴蝶结=bow; 项链=necklace; 耳环=+earrings/earring;
戒指=ring; 手套=+gloves/glove; 衣服=+clothes; 外套 大衣=coat; 夹克 皮夹克=leather jacket;
衬衫=shirt; T恤 T恤衫=T-shirt; 毛衣=sweater; 裙子 连衣裙=dress; 短裙=skirt; 裤子=+trousers;
牛仔裤=+jeans; 短裤=+shorts; 西装 西服=suit; 婚纱=wedding dress; 旗袍=qipao; 汉服=hanfu;
和服=kimono; 龙袍=dragon robe; 盔甲 铠甲=~armour; 斗篷 披风=cape; 制服=uniform;
鞋 鞋子=+shoes/shoe; 靴子=+boots/boot; 高跟鞋=+high heels; 运动鞋=+sneakers; 袜子=+socks/sock;
泳衣=swimsuit; 耳机=+headphones; 头发=~hair; 长发=~long hair; 短发=~short hair;
卷发=~curly hair; 胡子 胡须=beard; 眼睛=+eyes/eye; 嘴 嘴巴=mouth; 嘴唇=+lips; 鼻子=nose;
耳朵=+ears/ear; 脸=face; 手=hand; 头=head; 皮肤=~skin; 牙齿=+teeth/tooth;
眉毛=+eyebrows/eyebrow; 翅膀=+wings/wing; 尾巴=tail; 痘痘=+pimples/pimple;
皱纹=+wrinkles/wrinkle; 斑点=+spots/spot; 纹身=tattoo; 表情=expression; 口红=~lipstick;
树 大树 树木=tree; 棕榈树 棕榈=palm tree; 椰子树 椰树=coconut palm; 松树=pine tree;
樱花树=cherry tree; 圣诞树=Christmas tree; 竹子=~bamboo; 花 花朵 鲜花=flower; 玫瑰 玫瑰花=rose;
向日葵=sunflower; 郁金香=tulip; 樱花=+cherry blossoms; 荷花 莲花=lotus; 梅花=+plum blossoms;
草 小草=~grass; 草地 草坪 草=~grass; 草原=grassland; 叶子 树叶=+leaves/leaf;
落叶=+fallen leaves/fallen leaf; 枫叶=+maple leaves/maple leaf; 蘑菇=mushroom; 仙人掌=cactus;
植物=plant; 盆栽=potted plant; 灌木=bush; 树枝=branch; 花园=garden; 花海=sea of flowers;
房子 房屋 小屋 屋子=house; 木屋 小木屋=log cabin; 城堡=castle; 塔=tower; 灯塔=lighthouse;
桥=bridge; 教堂=church; 寺庙=temple; 宝塔=pagoda; 大楼 楼 高楼 建筑 建筑物 楼房=building;
摩天大楼=skyscraper; 宫殿=palace; 帐篷=tent; 篱笆 围栏 栅栏=fence; 屋顶=roof; 烟囱=chimney;
房间=room; 客厅=living room; 卧室=bedroom; 厨房=kitchen; 办公室=office; 教室=classroom;
图书馆=library; 咖啡馆 咖啡厅=cafe; 街道 大街 街=street; 马路 公路 路 道路=road; 小路=path;
广场=square; 公园=park; 城市 都市=city; 村庄 村子=village; 车站=station; 风车=windmill;
天空 天=sky; 蓝天=blue sky; 夜空=night sky; 星空=starry sky; 云 云朵 云彩=+clouds/cloud;
白云=+white clouds/white cloud; 乌云=+dark clouds/dark cloud; 太阳=sun; 月亮=moon;
满月 圆月=full moon; 星星=+stars/star; 彩虹=rainbow; 闪电=~lightning; 极光=~northern lights;
流星=shooting star; 银河=Milky Way; 烟花 烟火=+fireworks/firework; 火 火焰=~fire;
烟 烟雾=~smoke; 雪 白雪 积雪=~snow; 雪地=~snow; 熔岩 岩浆=~lava; 废墟=+ruins; 妆 妆容=~makeup;
发型=hairstyle; 画 画作=painting; 雪花=+snowflakes/snowflake; 雨=~rain;
雨滴=+raindrops/raindrop; 雾 雾气=~fog; 阳光=~sunlight; 月光=~moonlight; 光=~light; 冰=~ice;
风=~wind; 气泡 泡泡=+bubbles/bubble; 花瓣=+petals/petal; 羽毛=feather; 彩带=+streamers/streamer;
山 大山 高山 山峰=mountain; 雪山=snowy mountain; 火山=volcano; 海 大海=sea; 海洋=ocean;
海滩 沙滩=beach; 海边=seaside; 岛 小岛 岛屿=island; 河 河流=river; 小溪=stream; 湖 湖泊=lake;
湖面=lake; 水面=~water; 海面=sea; 瀑布=waterfall; 池塘=pond; 喷泉=fountain;
游泳池 泳池=swimming pool; 海浪 波浪=+waves/wave; 森林 树林=forest; 竹林=bamboo forest;
丛林 雨林=jungle; 沙漠=desert; 田野=field; 麦田=wheat field; 洞穴 山洞=cave; 石头 石块=stone;
岩石=rock; 沙子=~sand; 地面 地上 地=ground; 泥土=~soil; 太空 宇宙=^space; 地球=^Earth;
火星=Mars; 月球=the moon; 倒影=reflection; 背景=background; 前景=foreground; 风景 景色=~scenery;
场景=scene; 边框 相框=frame; 脚印=+footprints/footprint; 宝剑 剑=sword; 枪=gun; 旗子 旗帜=flag;
国旗=national flag; 秋千=swing; 长椅=bench; 奶奶 外婆 姥姥=grandma; 爷爷 外公 姥爷=grandpa;
爸爸 父亲=father; 妈妈 母亲=mother; 小姐姐=young woman; 小哥哥=young man; 情侣=couple;
游客=tourist; 行人=pedestrian; 模特=model; 歌手=singer; 农民=farmer; 司机=driver; 工人=worker;
直升飞机=helicopter; 橘猫=orange cat; 黑猫=black cat; 白猫=white cat; 柯基 柯基犬=corgi;
哈士奇=husky; 金毛=golden retriever; 泰迪=poodle; 二哈=husky; 布偶猫=ragdoll cat; 仓鼠=hamster;
刺猬=hedgehog; 考拉=koala; 袋鼠=kangaroo; 北极熊=polar bear; 鳄鱼=crocodile; 章鱼=octopus;
水母=jellyfish; 蜻蜓=dragonfly; 公鸡=rooster; 小鸡=chick; 羊驼=alpaca; 霸王龙=Tyrannosaurus;
凤凰=phoenix; 锦鲤=koi carp; 绿萝=potted plant; 薰衣草=~lavender; 菊花=chrysanthemum;
牡丹=peony; 百合=lily; 花束=bouquet; 花环=wreath; 藤蔓=+vines/vine; 苔藓=~moss;
银杏=ginkgo tree; 柳树=willow tree; 苹果树=apple tree; 果树=fruit tree; 草丛=+bushes/bush;
手指 手指头=+fingers/finger; 指甲=+nails/nail; 脖子=neck; 腿=+legs/leg; 脚=+feet/foot;
眼珠 瞳孔 眼球=+pupils/pupil; 刘海=+bangs; 马尾=ponytail; 辫子=braid; 睫毛=+eyelashes;
酒窝=+dimples/dimple; 黑眼圈=+dark circles; 双下巴=double chin; 肌肉=+muscles/muscle;
肚子=belly; 雀斑=+freckles; 疤痕 伤疤=scar; 角=+horns/horn; 领巾=neckerchief;
红领巾=red neckerchief; 发带=headband; 发卡=hair clip; 腰带=belt; 校服=school uniform;
军装=military uniform; 白大褂=white coat; 睡衣=+pyjamas; 背心=vest; 卫衣=hoodie;
羽绒服=down jacket; 雨衣=raincoat; 风衣=trench coat; 吊带裙=slip dress; 皮鞋=+leather shoes;
拖鞋=+slippers; 贝雷帽=beret; 棒球服=baseball jacket; 鸭舌帽=cap; 街头=street; 巷子 小巷=alley;
路口=crossroads; 人行道=sidewalk; 斑马线=crosswalk; 栏杆=railing; 广告牌=billboard;
台阶 楼梯=+stairs; 阳台=balcony; 窗台=windowsill; 院子=yard; 超市=supermarket; 商店=shop;
餐厅 饭店=restaurant; 酒吧=bar; 医院=hospital; 学校=school; 机场=airport; 火车站=train station;
地铁=subway train; 操场=playground; 体育场=stadium; 停车场=parking lot; 工地=construction site;
天安门=^Tiananmen; 故宫=the Forbidden City; 摩天轮=Ferris wheel; 过山车=roller coaster;
旋转木马=merry-go-round; 雪橇=sled; 滑板=skateboard; 滑雪板=+skis; 冲浪板=surfboard;
皮卡=pickup truck; 警车=police car; 救护车=ambulance; 消防车=fire truck; 三轮车=tricycle;
拖拉机=tractor; 法拉利=Ferrari; 特斯拉=Tesla; 牛排=steak; 烤鸭=roast duck; 火锅=hot pot;
包子=steamed bun; 粽子=rice dumpling; 可乐=~cola; 奶茶=~milk tea; 果汁=~juice; 绿茶=~green tea;
甜点=dessert; 布丁=pudding; 煎蛋=fried egg; 爆米花=~popcorn; 棉花糖=~cotton candy;
棒棒糖=lollipop; 西兰花=~broccoli; 玉米=~corn; 辣椒=chili pepper; 洋葱=onion; 白菜=cabbage;
蓝莓=+blueberries/blueberry; 芒果=mango; 猕猴桃=kiwi; 画笔=paintbrush; 麦克风 话筒=microphone;
音箱=speaker; 路由器=router; 台式电脑=desktop computer; 平板=tablet; 游戏机=game console;
拐杖=cane; 轮椅=wheelchair; 婴儿车=stroller; 梯子=ladder; 箭=arrow; 弓=bow; 盾牌=shield;
魔杖=magic wand; 水晶球=crystal ball; 宝箱=treasure chest; 地图=map; 信封=envelope;
日历=calendar; 台历=desk calendar; 靠垫 抱枕=cushion; 茶几=coffee table; 空调=air conditioner;
风扇=fan; 电扇=fan; 洗衣机=washing machine; 绳子=rope; 塑料袋=plastic bag; 纸箱=cardboard box;
易拉罐=can; 烟头=cigarette butt; 香烟=cigarette; 灰尘=~dust; 指纹=+fingerprints/fingerprint;
泥巴=~mud; 水渍=water stain; 水珠=+water drops/water drop; 油渍=grease stain; 涂鸦=~graffiti;
石狮子=stone lion; 狮子头=lion head; 铜像=bronze statue;
兵马俑=+terracotta warriors/terracotta warrior; 桌布=tablecloth; 雪堆=snowdrift; 冰山=iceberg;
冰雕=ice sculpture; 悬崖=cliff; 峡谷=canyon; 山谷=valley; 梯田=+terraces; 沼泽=swamp;
绿洲=oasis; 云海=sea of clouds; 彩霞=+rosy clouds; 龙卷风=tornado; 雷电=~lightning;
黑洞=black hole; 行星=planet; 卫星=satellite; 日食=solar eclipse; 星球=planet; 湖水=lake;
河水=river; 海水=sea; 玻璃=~glass; 木头=~wood; 纸=~paper; 金属=~metal; 水晶=crystal;
桌面 台面=tabletop; 冰面=~ice; 电视柜=TV stand; 纸屑=+paper scraps;
狗绳 牵引绳=leash; 沙发套=sofa cover; 水杯=water glass; 茶杯=teacup; 茶壶=teapot; 车身=car body;
人像=portrait; 落地灯=floor lamp; 宇航服=space suit; 铃铛=bell; 校门=school gate;
车窗=car window; 车轮=wheel; 车牌=license plate; 路面=road surface; 屋檐=eaves; 院墙=yard wall;
小桥=small bridge; 石桥=stone bridge; 木桥=wooden bridge; 吊桥=suspension bridge;
雪橇犬=sled dog; 大雁=wild goose; 燕子=swallow; 乌鸦=crow; 麻雀=sparrow; 火烈鸟=flamingo;
海豹=seal; 海龟=sea turtle; 老头=old man; 老太太=old woman; 少女=young girl; 少年=young boy;
青年=young man; 翡翠 玉=~jade; 钻石=diamond; 金币=gold coin; 珍珠=pearl; 书法=~calligraphy;
对联=+spring couplets; 红包=red envelope; 鞭炮=+firecrackers; 舞狮=lion dance; 光环=halo;
聚光灯=spotlight; 霓虹灯=+neon lights/neon light; 彩灯=+fairy lights; 喷水池=fountain;
红绿灯=traffic light; 路牌=road sign; 井盖=manhole cover; 摊位=stall;
""")

PRONOUNS: Final = {
    "他": ("him", "his"), "她": ("her", "her"), "它": ("it", "its"), "我": ("me", "my"),
    "他们": ("them", "their"), "她们": ("them", "their"), "它们": ("them", "their"),
    "这个": ("it", "its"), "这": ("it", "its"), "大家": ("everyone", "everyone's"),
}  # fmt: skip

COLOURS: Final = table("""
红 红色 大红 大红色=red; 橙 橘 橙色 橘色 橘黄色 橘红色=orange; 黄 黄色=yellow; 绿 绿色=green;
青色 青绿色 蓝绿色=turquoise; 蓝 蓝色=blue; 紫 紫色=purple; 粉 粉色 粉红 粉红色=pink;
白 白色 雪白 雪白色=white; 黑 黑色=black; 灰 灰色=grey; 棕 棕色 咖啡色 褐色=brown;
金 金色 金黄 金黄色=golden; 银 银色=silver; 浅蓝 浅蓝色 淡蓝色 天蓝 天蓝色=light blue;
深蓝 深蓝色 藏青色=dark blue; 浅绿色 淡绿色=light green; 深绿 深绿色 墨绿色=dark green;
深红 深红色 暗红色=dark red; 米色 米白色=beige; 彩虹色 七彩=rainbow-coloured; 浅粉色=light pink;
浅灰色=light grey; 深灰色=dark grey; 浅紫色 淡紫色=light purple; 荧光绿=neon green;
彩色 五颜六色 五彩=colourful; 透明 透明色=transparent; 迷彩=camouflage;
""")

MATERIALS: Final = table("""
木 木头 木质 木制=wooden; 玻璃=glass; 石头 石 石制=stone; 金 金子 黄金 纯金=gold;
银子 纯银=silver; 金属=metal; 铁=iron; 钢铁=steel; 冰 冰块=ice; 水晶=crystal; 大理石=marble;
纸 纸质=paper; 塑料=plastic; 布=cloth; 皮 皮革 真皮=leather; 砖 砖头=brick; 竹=bamboo;
巧克力=chocolate; 毛绒=plush; 陶瓷 瓷=porcelain; 青铜 铜=bronze; 玉石=jade; 丝绸=silk;
羊毛=wool; 气球=balloon; 粘土 黏土=clay; 雪=snow;
""")

ADJECTIVES: Final = table("""
大 巨大 大大=big; 小 小小 小型=small; 高 高大=tall; 矮=short; 长 长长=long; 短=short;
胖 胖胖=fat; 瘦=thin; 新=new; 旧 破旧=old; 老=old; 古老=ancient; 年轻=young; 可爱=cute;
漂亮 美丽 好看 美=beautiful; 帅 帅气 英俊=handsome; 丑 丑陋=ugly; 圆 圆形 圆圆=round;
方 方形=square; 厚 厚厚=thick; 薄=thin; 豪华=luxurious; 现代=modern; 古代=ancient;
中世纪=medieval; 未来 科幻 未来感=futuristic; 传统=traditional; 中式 中国=Chinese;
日式 日本=Japanese; 欧式=European; 美式 美国=American; 法国 法式=French; 英国=British;
复古=vintage; 干净=clean; 脏=dirty; 破=broken; 空=empty; 亮 明亮=bright; 暗 昏暗=dark;
发光 闪亮=glowing; 开心 快乐 高兴=happy; 悲伤 伤心 难过=sad; 生气 愤怒=angry; 凶猛=fierce;
神秘=mysterious; 恐怖 可怕=scary; 奇怪=strange; 巨型=giant; 迷你=tiny; 卡通=cartoon;
燃烧=burning; 飞翔 飞=flying; 奔跑 跑步=running; 跳舞=dancing; 游泳=swimming; 哭 哭泣=crying;
大笑=laughing; 睡觉=sleeping; 钓鱼=fishing; 看书=reading; 微笑=smiling; 盛开 开=blooming;
茂密=lush; 热闹=lively; 繁华=bustling; 安静 宁静=quiet; 浪漫=romantic; 条纹=striped;
格子=checked; 花=floral; 真实=real; 逼真=realistic; 大号=large; 多余=unwanted;
其他 其它 别 其余=other; 湿 湿漉漉=wet; 干=dry; 古典=classical; 热腾腾 热气腾腾=steaming;
毛茸茸=fluffy; 胖乎乎=chubby; 亮晶晶=sparkling; 金灿灿 金光闪闪=golden; 绿油油=lush green;
红彤彤=bright red; 黑乎乎=dark; 圆滚滚=round; 崭新=brand-new; 精致=delicate; 华丽=gorgeous;
优雅=elegant; 时尚=fashionable; 潮流=trendy; 简单=simple; 复杂=complex; 抽象=abstract;
搞笑=funny; 坚固=solid; 柔软=soft; 冰冷=cold; 火热=hot; 新鲜=fresh; 成熟=ripe; 腐烂=rotten;
生锈=rusty; 木制=wooden; 金属质感=metallic; 空荡荡=empty; 拥挤=crowded; 碍眼=unsightly;
杂乱=messy; 蓬松=fluffy; 柔顺=smooth; 修长=slender; 强壮=strong; 英式=English; 韩式=Korean;
西式=Western; 意大利=Italian; 俄罗斯=Russian; 印度=Indian; 埃及=Egyptian; 希腊=Greek;
阿拉伯=Arabian; 非洲=African; 欧洲=European; 弯 弯弯=curved; 尖=pointed;
""")

NUMBERS: Final = table("""
一=one; 1=one; 两 二 俩=two; 2=two; 三 仨=three; 3=three; 四=four; 4=four; 五=five; 5=five;
六=six; 6=six; 七=seven; 7=seven; 八=eight; 8=eight; 九=nine; 9=nine; 十=ten; 10=ten;
几 一些 若干 好几 有些 一点 些 点 一点儿=some; 很多 许多 好多 大量 多=many; 十几=a dozen;
一百=a hundred; 无数=countless; 半=half a;
""")

MEASURES: Final = listed("""
个 只 条 头 匹 辆 架 艘 列 枚 块 根 颗 把 份 朵 株 棵 座 栋 间 位 名 张 顶 副 件 幅 面 道 层 本
台 盏 支 轮 颜 扇 幢 口 架 尊 种 款 片 缕 抹 粒 串 套 身 场 抱 圈 滴 处 点 些 部 节 段 头 所 家
股 丝 束 幅 撮 团
""")
CONTAINERS: Final = table("""
杯=cup of; 瓶=bottle of; 碗=bowl of; 盘=plate of; 群=group of; 堆=pile of; 排=row of;
束=bouquet of; 篮=basket of; 盆=pot of; 双=pair of; 对=pair of; 袋=bag of; 箱=box of; 盒=box of;
""")
COUNTED_PAIRS: Final = frozenset(("pair of",))  # "a pair of sunglasses" is said without the pair

# What stands after a noun and makes a place of it.
SIDES: Final = table("""
旁边 边上 身边 身旁 旁 一旁=next to; 前面 前方 面前 前边 身前 前=in front of;
后面 背后 身后 后方 后边 后=behind; 下面 下方 底下 下边 脚下 下=under;
里面 里 内 中 里边 之中 当中 中间=in; 上面 上方 上边 顶上 之上 上=on; 外面 外 外边=outside;
左边 左侧 左面 左方=to the left of; 右边 右侧 右面 右方=to the right of; 周围 四周 身上=around;
附近=near; 之间=between; 头顶上 头顶 头上=on the head of; 中央 中心=in the middle of;
对面=opposite; 身上=on; 手里 手中 手上=in the hands of;
""")
# Places of the picture itself.
PLACES: Final = table("""
左上角 左上方 左上 左上边=at the top left; 右上角 右上方 右上 右上边=at the top right;
左下角 左下方 左下 左下边=at the bottom left; 右下角 右下方 右下 右下边=at the bottom right;
左边 左侧 左面 左方 最左边 左=on the left; 右边 右侧 右面 右方 最右边 右=on the right;
上面 上方 上边 顶部 最上面 上部=at the top; 下面 下方 下边 底部 最下面 下部=at the bottom;
中间 中央 正中间 中心 正中央 当中 正中=in the middle;
后面 后方 后边 背后 身后=in the background; 前面 前方 前边=in the foreground;
远处 远方=in the distance; 路边 路旁 街边=by the roadside; 岸边=on the shore;
海边 海滩上=on the beach; 窗边=by the window; 门口=at the door; 桥上=on the bridge;
树上=on the tree; 树下=under the tree; 旁边 边上=at the side;
背景里 背景中 背景上 背景=in the background; 前景里 前景中 前景=in the foreground;
天上 天空中 天空 天空里 天空上 空中 半空中 天空之中=in the sky;
地上 地面上 地面 地下=on the ground; 外面 窗外=outside; 里面=inside;
角落 角落里 角上=in the corner; 水里 水中 水下=in the water; 海里 海中=in the sea;
周围 四周=around it; 夜空中 夜空=in the night sky; 四个角 四角=in the corners; 到处=everywhere;
两边 两侧=on both sides; 头上 头顶 头顶上=on the head; 身上=on the body; 脸上=on the face;
手里 手中 手上=in the hand;
""")
PICTURE: Final = (
    r"(?:(?:这|那)?整?(?:一)?(?:张|个|幅)?|我的|我这张|原)?"
    r"(?:图片|照片|画面|图像|相片|图中|图里|画|图|像片|片子|影像)"
)

# In CC-CEDICT these are nouns of one sense; in an instruction they are grammar.
GRAMMAR: Final = listed("""
加上 一点 一些 有点 一下 起来 这样 那样 时候 地方 看看 样子 一样 什么 怎么 位置 变换 更换 一边
上面 下面 左右 上下 改成 换成 不要 没有 可以 能够 所有 全部 整个 一半 一倍 效果 感觉 风格 画风
边上 里面 外面 开始 结束 非常 特别 最好 最后 多加 加点 有点儿 好像 仿佛 一份 角落 处理 改变 变化
调整 修改 编辑 制作 完成 需要 想要 希望 请求 稍微 比较 更多 再次 重新 看起来 看上去 怎么样 一起
大一点 小一点 进行 变得 变成 变为 换个 一种 部分 东西 出来 出现 消失 旁边 中间 为何 何时 上色
""")
