"""How English asks for each kind.

Slots: {s} the picture, {the} "the car", {a} "a car", {n} "car", {ns} "cars", {other_a} "a cat"
and {other_n} what replaces it, {c} "red", {a_c} "a red", {at} "on the left"; the others are the
verbs and accessories of `english.py`. Repeating a template makes it likelier.
"""

from __future__ import annotations

from typing import Final

from train.instructions.grammar import Wording, formed

# {x} is a look ("foggy"), a thing ("a sketch") or a direction ("to the left").
_LOOK_FORMS: Final = (
    "make {s} {x}", "make {s} {x}", "make {s} look {x}", "{x}", "i want {s} {x}",
    "i want {s} to be {x}", "i want {s} to look {x}", "{s} must be {x}", "{s} should be {x}",
    "let {s} be {x}", "i'd like {s} {x}",
)  # fmt: skip
_THING_FORMS: Final = (
    "turn {s} into {x}", "turn {s} into {x}", "make {s} {x}", "make {s} look like {x}",
    "change {s} to {x}", "change {s} into {x}", "convert {s} to {x}", "convert {s} into {x}",
    "{x}", "as {x}", "transform {s} into {x}", "i want {s} to look like {x}", "i want {x}",
    "redo {s} as {x}",
)  # fmt: skip
_MOVE_FORMS: Final = (
    "{move} {the} {x}", "{move} {the} {x}", "{move} {the} a bit {x}", "{move} {the} a little {x}",
    "{move} {the} further {x}", "{the} further {x}", "i want {the} further {x}",
    "{the} should move {x}", "{the} should be further {x}", "let {the} go {x}",
    "put {the} further {x}", "{the} a bit more {x}",
)  # fmt: skip


def _whole(
    looks: tuple[str, ...],
    things: tuple[str, ...],
    sentences: tuple[str, ...],
    held_out: tuple[str, ...],
) -> Wording:
    """A change of the whole picture: looks and things in all their forms, and sentences."""
    forms = formed(_LOOK_FORMS, looks) + formed(_THING_FORMS, things)
    return Wording((forms, sentences) if forms else (sentences,), held_out)


def _move(*directions: str, sentences: tuple[str, ...], held_out: tuple[str, ...]) -> Wording:
    forms = formed(_MOVE_FORMS, directions)
    return Wording((forms, forms, sentences), held_out)


WORDINGS: Final[dict[str, Wording]] = {
    "keep": _whole(
        (), (),
        (
            "keep {s} as it is", "do nothing", "leave {s} alone", "don't change anything",
            "no change", "change nothing", "leave {s} as it is", "keep {s} the same",
            "nothing to do", "do not edit {s}", "no edit", "return {s} unchanged",
            "keep everything", "do not touch {s}", "no changes needed", "don't edit {s}",
            "do not change {s}", "don't touch anything", "leave {s} unchanged", "make no changes",
            "{s} is fine as it is", "{s} should stay the same", "nothing", "keep it like this",
        ),
        (
            "leave everything as it is, do nothing", "don't alter this picture at all",
            "hand {s} back untouched", "let {s} stay exactly the same",
        ),
    ),
    "black_and_white": _whole(
        ("black and white", "black & white", "monochrome", "greyscale", "b&w", "grey",
         "colourless", "black and white"),
        ("black and white", "a black and white photo", "greyscale", "monochrome",
         "a black and white picture"),
        (
            "remove the colour", "remove all colour from {s}", "take the colour out of {s}",
            "drop the colours", "black and white version", "desaturate {s} completely",
            "no colour", "like a black and white photograph", "remove the colours",
            "get rid of all colour", "{apply} a black and white filter", "in black and white",
            "only shades of grey", "turn {s} black and white", "turn {s} grey",
            "take away all the colours", "black and white filter",
        ),
        (
            "give me a black and white version of {s}", "show {s} in black and white",
            "strip every colour from {s}",
        ),
    ),
    "sepia": _whole(
        ("sepia", "sepia toned", "sepia brown", "brownish"),
        ("sepia", "a sepia photo", "sepia tones", "a sepia print"),
        (
            "add a sepia tone", "sepia tone", "{apply} sepia", "give {s} a sepia look",
            "{apply} a sepia filter", "sepia filter", "in sepia tones", "in sepia",
            "brown old photograph tones", "give {s} brown tones", "tone {s} in sepia",
            "sepia effect", "{apply} a sepia effect", "give {s} a sepia tone", "sepia colours",
        ),
        (
            "apply a sepia filter to the picture", "show {s} in sepia",
            "could it have that brownish sepia feeling",
        ),
    ),
    "night": _whole(
        (),
        ("night", "night", "a night scene", "a night photo", "nighttime", "night time"),
        (
            "it is night now", "change the time to night", "set the scene at night",
            "turn day into night", "as if at night", "let night fall", "in the moonlight",
            "give {s} moonlight", "what does {s} look like at night", "at night",
            "make it night time", "change the time of day to night", "add moonlight",
            "night mode", "make {s} look like it was taken at night",
            "make the sky dark like at night", "it should be night",
        ),
        (
            "as if it was midnight", "change the day to night", "let night come over {s}",
        ),
    ),
    "sunset": _whole(
        ("warm", "warmer", "golden"),
        ("sunset", "a sunset", "golden hour", "a sunset scene", "evening"),
        (
            "add sunset light", "give {s} a warm glow", "warm evening light", "sunset colours",
            "set the scene at sunset", "add warm light", "golden hour light", "warm up {s}",
            "it is sunset now", "bathe {s} in sunset light", "warm up the colours", "at sunset",
            "change the time of day to sunset", "{raise} the colour temperature",
            "warmer colours", "make {s} look like it was taken at sunset",
            "let the sun go down", "warm tones",
        ),
        (
            "give {s} warm sunset light", "change the light to golden hour",
            "let a low evening sun shine on {s}",
        ),
    ),
    "cold": _whole(
        ("cold", "colder", "cool", "cooler", "icy", "frosty", "chilly", "freezing cold"),
        (),
        (
            "add cold light", "give {s} a cold look", "cool down the colours", "cool colours",
            "cold blue light", "make the light cold", "cool {s} down", "cold light",
            "{lower} the colour temperature", "cooler colours", "make the colours colder",
            "give {s} a cool look", "icy light", "cold tones", "give {s} a cold mood",
            "{apply} a cold filter",
        ),
        (
            "give {s} cold winter light", "change the light to icy",
            "shift the white balance towards cold",
        ),
    ),
    "invert": _whole(
        ("inverted",),
        ("a negative", "a photo negative", "a film negative", "negative colours"),
        (
            "invert {s}", "invert the colours", "invert colours", "invert all the colours of {s}",
            "swap light and dark", "show the negative", "reverse the colours", "flip the colours",
            "colour inversion", "invert", "negative effect", "{apply} a negative effect",
            "invert the colours of {s}", "swap black and white", "negative", "reverse all colours",
        ),
        (
            "show me the inverted colours", "flip every colour to its negative",
            "develop {s} as if it were still the negative",
        ),
    ),
    "brighter": _whole(
        ("brighter", "brighter", "lighter", "bright", "much brighter", "more bright", "well lit"),
        (),
        (
            "brighten {s}", "{raise} the brightness", "add more light", "lighten {s}",
            "more light", "{raise} the exposure", "brighten {s} up", "more brightness",
            "{raise} the brightness of {s}", "overexpose {s}", "add light", "light {s} up",
            "give {s} more light", "brighten up everything", "higher brightness",
            "{s} is too dark",
        ),
        (
            "increase the brightness of this photo somewhat", "lighten it up",
            "give the whole thing a brighter light", "let more light in",
        ),
    ),
    "darker": _whole(
        ("darker", "darker", "dark", "much darker", "dim", "dimmer", "less bright", "gloomy"),
        (),
        (
            "darken {s}", "{lower} the brightness", "less light", "{lower} the exposure",
            "dim {s}", "dim the light", "{lower} the brightness of {s}", "less brightness",
            "underexpose {s}", "darken everything", "take light away from {s}",
            "give {s} less light", "lower brightness", "make the light dim", "{s} is too bright",
        ),
        (
            "decrease the brightness of this photo somewhat", "dim all the lamps a good deal",
            "give the whole thing a darker light",
        ),
    ),
    "more_contrast": _whole(
        ("more contrasty", "punchier", "more dramatic", "high contrast", "crisper"),
        (),
        (
            "{raise} the contrast", "add contrast", "more contrast", "{raise} the contrast of {s}",
            "give {s} more contrast", "stronger contrast", "higher contrast", "high contrast",
            "{raise} contrast", "make the contrast stronger", "make the contrast higher",
            "{s} needs more contrast", "{s} with more contrast", "strong contrast",
        ),
        (
            "boost the contrast of this photo a lot", "add more contrast to {s}",
            "let the contrast go up a lot",
        ),
    ),
    "less_contrast": _whole(
        ("flat", "flatter", "less contrasty", "low contrast", "less dramatic"),
        (),
        (
            "{lower} the contrast", "less contrast", "lower contrast", "weaker contrast",
            "{lower} the contrast of {s}", "give {s} less contrast", "cut the contrast",
            "low contrast", "{lower} contrast", "make the contrast weaker",
            "make the contrast lower", "{s} needs less contrast", "{s} with less contrast",
            "soften the contrast", "weak contrast",
        ),
        (
            "lower the contrast of this photo a bit", "take some contrast out of {s}",
            "let the contrast go down a lot",
        ),
    ),
    "more_colour": _whole(
        ("colourful", "more colourful", "vivid", "more vivid", "saturated", "vibrant",
         "more vibrant", "more saturated"),
        (),
        (
            "{raise} the saturation", "boost the colours", "add more colour", "more colour",
            "more saturation", "stronger colours", "give {s} vivid colours", "intense colours",
            "turn up the colours", "saturate {s}", "vibrant colours", "more intense colours",
            "make the colours stronger", "make the colours pop", "brighter colours",
            "{raise} the saturation of {s}", "vivid colours", "richer colours",
            "the colours are too pale",
        ),
        (
            "boost the saturation of this photo a lot", "let the colours of {s} shine",
            "make every colour far more vivid",
        ),
    ),
    "less_colour": _whole(
        ("less colourful", "pale", "muted", "less saturated", "less vivid", "washed out", "dull"),
        (),
        (
            "{lower} the saturation", "less colour", "mute the colours", "less saturation",
            "weaker colours", "give {s} muted colours", "pale colours", "tone down the colours",
            "fade the colours", "desaturate {s} a little", "{lower} the saturation of {s}",
            "make the colours weaker", "make the colours pale", "faded colours", "muted colours",
            "tone the colours down", "the colours are too strong",
        ),
        (
            "reduce the saturation of this photo a bit", "take some of the colour out of {s}",
            "make every colour far more pale",
        ),
    ),
    "fog": _whole(
        ("foggy", "misty", "hazy", "covered in fog", "full of fog"),
        ("a foggy day", "a misty scene", "a foggy scene"),
        (
            "add fog", "add mist", "add some fog", "cover {s} in fog", "put fog in {s}",
            "fill {s} with fog", "thick fog", "add haze", "hide {s} in mist", "fog",
            "add a layer of fog", "let there be fog", "make it a foggy day", "put {s} in fog",
            "add fog to {s}", "with fog", "in the fog",
        ),
        (
            "put some mist in the picture", "make it a foggy morning",
            "let a mist roll in over {s}",
        ),
    ),
    "blur": _whole(
        ("blurry", "blurred", "out of focus", "soft", "unsharp", "blurrier"),
        (),
        (
            "{blur} {s}", "add blur", "add a blur", "{apply} a blur", "gaussian blur", "blur",
            "{apply} gaussian blur", "blur everything", "smooth {s}", "add some blur",
            "{apply} a blur effect", "a blur effect", "blur the entire picture", "less sharp",
            "make {s} less sharp",
        ),
        (
            "apply some blur to {s}", "put the picture out of focus",
            "everything in a soft blur",
        ),
    ),
    "sketch": _whole(
        ("sketched", "hand drawn"),
        ("a sketch", "a pencil sketch", "a drawing", "a pencil drawing", "a line drawing",
         "a graphite drawing"),
        (
            "draw {s} with a pencil", "pencil sketch", "sketch {s}", "draw {s}", "line drawing",
            "pencil drawing of {s}", "a drawing in pencil", "in pencil", "sketch",
            "in sketch style", "{apply} a sketch filter", "pencil style",
            "draw {s} in pencil lines", "redraw {s} in pencil", "a sketch effect",
            "i want {s} drawn in pencil", "{s} drawn with a pencil",
        ),
        (
            "draw the picture in pencil strokes", "show {s} as a pencil sketch",
            "only the outlines, as if by pencil",
        ),
    ),
    "ink": _whole(
        (),
        ("an ink drawing", "a chinese ink painting", "an ink wash painting", "an ink painting",
         "a chinese painting", "a brush and ink painting", "a sumi-e painting"),
        (
            "draw {s} in ink", "paint {s} in ink", "ink wash", "ink wash style", "in ink",
            "ink painting style", "chinese ink style", "paint {s} with black ink",
            "ink drawing of {s}", "in the style of a chinese ink painting", "ink style",
            "{apply} an ink wash effect", "draw {s} with brush and ink", "chinese painting style",
            "in ink wash style", "black ink on paper", "i want {s} painted in ink",
            "{s} drawn in ink",
        ),
        (
            "let a chinese master paint {s} in ink", "show {s} as an ink wash",
            "brush strokes of black ink on rice paper",
        ),
    ),
    "oil": _whole(
        ("painted", "oil painted"),
        ("an oil painting", "an oil painting", "a painting", "a painting in oils",
         "oil on canvas", "an oil paint picture"),
        (
            "paint {s} in oil", "paint {s}", "oil paint style", "oil painting style", "oil",
            "in oils", "paint {s} with oil paints", "{apply} an oil paint effect",
            "oil painting of {s}", "in the style of an oil painting", "oil painting effect",
            "in oil painting style", "paint {s} on canvas", "{apply} an oil painting filter",
            "thick oil paint", "i want {s} painted in oil", "{s} painted in oil",
        ),
        (
            "show {s} as an oil painting", "let an old master paint {s} in oils",
            "heavy strokes of oil paint on canvas",
        ),
    ),
    "watercolour": _whole(
        (),
        ("a watercolour", "a watercolour", "a watercolour painting", "an aquarelle",
         "a watercolour picture"),
        (
            "paint {s} in watercolour", "watercolour style", "in watercolours", "watercolours",
            "paint {s} with watercolours", "{apply} a watercolour effect", "watercolour effect",
            "watercolour painting of {s}", "in the style of a watercolour",
            "in watercolour style", "{apply} a watercolour filter", "aquarelle style",
            "soft watercolour", "in watercolour", "i want {s} painted in watercolour",
            "{s} painted in watercolour",
        ),
        (
            "show {s} as a watercolour", "let watery paint run over {s}",
            "washes of watercolour on wet paper",
        ),
    ),
    "cartoon": _whole(
        ("cartoonish", "posterised", "cartoony"),
        ("a cartoon", "a cartoon", "a comic", "a comic book drawing", "a comic strip", "an anime",
         "a cartoon drawing", "a poster"),
        (
            "cartoonify {s}", "cartoon style", "comic style", "posterise {s}", "cartoonise {s}",
            "in cartoon style", "in the style of a comic", "{apply} a cartoon filter",
            "cartoon effect", "comic book style", "flat cartoon colours", "anime style",
            "{apply} a cartoon effect", "cartoon version of {s}", "{apply} a comic filter",
            "draw {s} as a cartoon",
        ),
        (
            "show {s} as a cartoon", "let {s} become a cartoon scene",
            "as it would look in a comic book",
        ),
    ),
    "pixel_art": _whole(
        ("pixelated", "pixelated", "8-bit", "8 bit", "blocky", "pixelised"),
        ("pixel art", "pixel art", "an 8-bit picture", "a video game", "a retro video game",
         "big pixels", "pixels"),
        (
            "pixelate {s}", "pixel art style", "8-bit style", "in pixel art style",
            "pixelise {s}", "{apply} a pixel art filter", "pixel art effect",
            "pixel art version of {s}", "draw {s} as pixel art", "video game style",
            "old video game graphics", "make big pixels", "make the pixels bigger", "pixel style",
            "{apply} a pixelate effect",
        ),
        (
            "show {s} as pixel art", "like a game on an old console",
            "as chunky blocks of 8-bit graphics",
        ),
    ),
    "snow": _whole(
        ("snowy", "snowy", "covered in snow", "full of snow"),
        ("a snowy day", "a winter scene", "a snowy scene", "winter", "a snowstorm"),
        (
            "make it snow", "make it snow", "add snow", "let it snow", "add falling snow",
            "snow", "it is snowing", "it should snow", "add snowflakes", "add some snow",
            "put snow in {s}", "add snow to {s}", "with snow", "with falling snow", "snowfall",
            "cover {s} in snow", "add a snow effect", "fill {s} with snowflakes",
        ),
        (
            "let snowflakes drift through {s}", "have it snowing heavily",
            "have snow falling all over {s}",
        ),
    ),
    "rain": _whole(
        ("rainy", "rainy", "full of rain"),
        ("a rainy day", "a rainy scene", "a rainstorm", "rainy weather"),
        (
            "make it rain", "make it rain", "add rain", "let it rain", "add falling rain",
            "rain", "it is raining", "it should rain", "add raindrops", "add some rain",
            "put rain in {s}", "add rain to {s}", "with rain", "in the rain", "heavy rain",
            "pouring rain", "add a rain effect", "put {s} in the rain",
        ),
        (
            "let raindrops fall across {s}", "have it pouring down",
            "have rain falling all over {s}",
        ),
    ),
    "vignette": _whole(
        ("darker at the edges", "dark at the corners", "vignetted", "dark around the edges"),
        (),
        (
            "add a vignette", "vignette", "add vignette", "darken the corners",
            "darken the edges", "{apply} a vignette", "dark corners", "dark edges",
            "give {s} a vignette", "vignette effect", "{apply} a vignette effect",
            "put a vignette on {s}", "give {s} dark corners", "darken the border of {s}",
            "fade the edges to black", "make the edges darker", "with a vignette",
        ),
        (
            "apply a vignette effect to {s}", "make the corners darker",
            "let the edges of {s} fall off into the dark",
        ),
    ),
    "vintage": _whole(
        ("vintage", "vintage", "retro", "old fashioned", "old", "faded and old"),
        ("an old photo", "an old photograph", "a vintage photo", "a retro photo", "a polaroid"),
        (
            "add a vintage look", "vintage filter", "give {s} a retro look", "old photo effect",
            "{apply} a vintage filter", "retro style", "faded vintage look", "retro look",
            "give {s} a vintage feel", "age {s}", "vintage style", "vintage look",
            "{apply} a vintage effect", "a photo from the seventies", "{apply} an old photo filter",
            "retro colours",
        ),
        (
            "give {s} that old retro feeling", "apply a retro filter to {s}",
            "like a photo from an old album",
        ),
    ),
    "old_film": _whole(
        ("grainy", "scratched", "grainy and scratched"),
        ("an old film", "an old movie", "a silent movie", "a frame of an old film",
         "old film footage", "an old movie frame"),
        (
            "old film", "old movie style", "add film grain", "add grain", "add scratches",
            "add film grain and scratches", "film grain", "old film effect", "grain and scratches",
            "{apply} an old film effect", "{apply} an old movie filter", "add grain to {s}",
            "scratch {s} like old film", "old film with scratches", "old cinema style",
            "give {s} film grain",
        ),
        (
            "as projected in a silent cinema", "show {s} on worn out film stock",
            "dust and scratches of an ancient movie reel",
        ),
    ),
    "tint": _whole(
        ("{c}", "all {c}", "tinted {c}", "{c} tinted", "{c} toned", "completely {c}"),
        (),
        (
            "tint {s} {c}", "add {a_c} tint", "give {s} {a_c} tint", "colour {s} {c}",
            "{c} tint", "{c} filter", "{apply} {a_c} filter", "in {c} light", "add {c} light",
            "paint {s} {c}", "give {s} {a_c} tone", "{c} tones", "{c} light", "tint {c}",
            "shine {c} light on {s}", "everything in {c}", "turn {s} {c}", "turn {s} all {c}",
        ),
        (
            "apply {a_c} tint to the picture", "put {a_c} filter on {s}",
            "as seen through {c} glasses",
        ),
    ),
    # The painted styles.
    "van_gogh": _whole(
        (),
        ("a van gogh", "a van gogh painting", "a van gogh painting", "a painting by van gogh",
         "the starry night", "an impressionist painting"),
        (
            "in the style of van gogh", "van gogh style", "in van gogh style", "van gogh",
            "paint {s} like van gogh", "{apply} the van gogh style", "{apply} a van gogh filter",
            "van gogh effect", "in the style of vincent van gogh", "paint {s} as van gogh would",
            "starry night style", "in the style of starry night", "give {s} a van gogh look",
            "{apply} the style of van gogh", "van gogh version of {s}", "swirly brush strokes",
            "like starry night", "{s} painted by van gogh", "i want {s} painted by van gogh",
        ),
        (
            "show {s} as vincent saw the world", "if van gogh had painted {s}",
            "the brush strokes of vincent van gogh himself",
        ),
    ),
    "woodblock": _whole(
        (),
        ("a woodblock print", "a woodblock print", "a japanese print", "a woodcut", "ukiyo-e",
         "a japanese woodblock print", "a hokusai", "a hokusai print"),
        (
            "in the style of a woodblock print", "woodblock style", "in ukiyo-e style",
            "ukiyo-e style", "{apply} a woodblock filter", "japanese print style", "woodcut style",
            "{apply} the woodblock style", "in the style of hokusai", "woodblock print effect",
            "print {s} from woodblocks", "woodblock", "{apply} a woodblock effect",
            "woodblock print of {s}", "like the great wave", "in japanese woodblock style",
        ),
        (
            "show {s} as a japanese woodblock", "carve {s} in wood and print it",
            "from the same workshop as the great wave",
        ),
    ),
    "expressionist": _whole(
        ("expressionist", "expressionist", "expressionistic"),
        ("an expressionist painting", "an expressionist painting", "a munch painting",
         "a painting by munch", "expressionist art", "an expressionist picture"),
        (
            "in expressionist style", "expressionist style", "{apply} an expressionist filter",
            "paint {s} in an expressionist way", "expressionist effect", "expressionism",
            "in the style of an expressionist painting", "{apply} the expressionist style",
            "in the style of edvard munch", "paint {s} like munch", "munch style",
            "expressionist version of {s}", "expressionist painting of {s}",
            "paint {s} like an expressionist", "like the scream",
            "{apply} an expressionist effect",
        ),
        (
            "show {s} as an expressionist work", "let an expressionist paint {s}",
            "how would edvard munch have painted {s}",
        ),
    ),
    "add": Wording(
        (
            ("{add} {a}", "{add} {a}", "{add} {a}", "{add} {n}"),
            (
                "add {a} to {s}", "i want {a}", "put {a} in {s}", "there should be {a}", "with {a}",
                "give me {a}", "draw {a} in {s}", "paste {a} into {s}", "insert {a} into {s}",
                "add {a} here", "add {a} somewhere", "i'd like {a} in {s}", "include {a} in {s}",
                "let there be {a}", "place {a} in {s}", "{s} should have {a}", "{s} needs {a}",
            ),
        ),
        (
            "let {a} appear", "{s} with {a} in it", "bring {a} into the scene",
            "there has to be {a}",
        ),
    ),
    "add_at": Wording(
        (
            ("{add} {a} {at}", "{add} {a} {at}", "{add} {a} {at}", "{add} {n} {at}"),
            (
                "{at}, add {a}", "i want {a} {at}", "there should be {a} {at}", "{a} {at}",
                "add {a} to {s}, {at}", "with {a} {at}", "insert {a} {at} of {s}",
                "give me {a} {at}", "paste {a} {at}", "{at} put {a}", "draw {a} in {s} {at}",
                "{at} there should be {a}", "i'd like {a} {at}", "let there be {a} {at}",
                "place {a} {at} of {s}", "add {a} and put it {at}",
            ),
        ),
        (
            "let {a} appear {at}", "bring {a} into the scene {at}",
            "{at} i would love to see {a}", "there has to be {a} {at}",
        ),
    ),
    "remove": Wording(
        (
            ("{remove} {the}",),
            (
                "{remove} {the} from {s}", "no {n}", "without {the}", "i don't want {the}",
                "{the} should go", "{s} without {the}", "clear {the} away", "no more {ns}",
                "hide {the}", "there should be no {n}", "edit out {the}", "edit {the} out",
                "paint over {the}", "take {the} out", "drop {the}", "{the} should not be there",
                "make {the} disappear", "make {the} vanish", "lose {the}", "{the} should be gone",
            ),
        ),
        (
            "{the} has to be removed", "i would like to get rid of {the}",
            "i'd rather not see {the}",
            "show the place as if {the} had never been there",
        ),
    ),
    "replace": Wording(
        (
            ("{replace} {the} with {other_a}", "{replace} {the} for {other_a}",
             "replace {the} by {other_a}", "{replace} {the} with {other_n}"),
            ("{turn} {the} into {other_a}", "change {the} to {other_a}",
             "{turn} {the} into {other_a}", "change {the} into {other_a}"),
            (
                "make {the} {other_a}", "{other_a} instead of {the}", "trade {the} for {other_a}",
                "i want {other_a} instead of {the}", "{the} should be {other_a}",
                "put {other_a} in place of {the}", "put {other_a} where {the} is",
                "use {other_a} instead of {the}", "{remove} {the} and put {other_a} there",
                "switch {the} to {other_a}", "switch {the} for {other_a}",
                "{the} becomes {other_a}", "not {a} but {other_a}",
                "i want {the} to be {other_a}", "draw {other_a} in place of {the}",
            ),
        ),
        (
            "let {other_a} stand where {the} was", "{the} has to be replaced with {other_a}",
            "morph {the} into {other_a}",
        ),
    ),
    "recolour": Wording(
        (
            ("{paint} {the} {c}", "make {the} {c}", "{paint} {the} {c}"),
            (
                "change the colour of {the} to {c}", "{a_c} {n} instead", "{the} should be {c}",
                "change {the} to {c}", "recolour {the} to {c}", "make {the} {c} instead",
                "i want {the} to be {c}", "i want {the} in {c}", "set the colour of {the} to {c}",
                "make the colour of {the} {c}", "make {the} {a_c} one", "{the} in {c}",
                "turn the colour of {the} to {c}", "change the {n} colour to {c}",
                "replace {the} with {a_c} one", "i want {a_c} {n}", "give {the} {a_c} colour",
                "turn {the} into {a_c} {n}", "change {the} into {a_c} one", "paint {the} in {c}",
            ),
        ),
        (
            "let {the} have {a_c} coat of paint", "how would {the} look in {c}",
            "{c} would suit {the} better",
        ),
    ),
    "bigger": Wording(
        (
            (
                "make {the} bigger", "make {the} larger", "make {the} bigger", "{enlarge} {the}",
                "{enlarge} {the}", "make {the} much bigger", "make {the} big", "make {the} huge",
            ),
            (
                "increase the size of {the}", "a bigger {n}", "{the} should be bigger",
                "i want {the} bigger", "i want a bigger {n}", "a larger {n}", "resize {the} up",
                "i want {the} to be larger", "{the} should be larger", "double the size of {the}",
                "make a bigger {n}", "{the} bigger", "make {the} grow", "{the} is too small",
                "a giant {n}", "a huge {n}",
            ),
        ),
        (
            "{the} has to become bigger", "i would like a much larger {n}",
            "scale {the} to twice its size",
        ),
    ),
    "smaller": Wording(
        (
            (
                "make {the} smaller", "make {the} smaller", "make {the} little", "{shrink} {the}",
                "{shrink} {the}", "make {the} much smaller", "make {the} small",
                "make {the} tiny",
            ),
            (
                "decrease the size of {the}", "a smaller {n}", "{the} should be smaller",
                "i want {the} smaller", "i want a smaller {n}", "reduce the size of {the}",
                "i want {the} to be smaller", "halve the size of {the}", "resize {the} down",
                "make a smaller {n}", "{the} smaller", "make {the} shrink", "{the} is too big",
                "{the} is too large", "a tiny {n}", "a little {n}",
            ),
        ),
        (
            "{the} has to become smaller", "i would like a much smaller {n}",
            "scale {the} to half its size",
        ),
    ),
    "move_left": _move(
        "left", "to the left",
        sentences=(
            "move {the} to the left side", "move {the} leftwards", "pull {the} left",
            "move {the} towards the left", "bring {the} to the left",
            "slide {the} over to the left", "{the} is too far right",
        ),
        held_out=(
            "let {the} wander off to the left", "{the} has to go left",
            "nudge {the} leftwards",
        ),
    ),
    "move_right": _move(
        "right", "to the right",
        sentences=(
            "move {the} to the right side", "move {the} rightwards", "pull {the} right",
            "move {the} towards the right", "bring {the} to the right",
            "slide {the} over to the right", "{the} is too far left",
        ),
        held_out=(
            "let {the} wander off to the right", "{the} has to go right",
            "nudge {the} rightwards",
        ),
    ),
    "move_up": _move(
        "up", "upwards",
        sentences=(
            "raise {the}", "lift {the}", "move {the} higher", "put {the} higher up",
            "lift {the} up", "move {the} to the top", "move {the} towards the top",
            "{the} should be higher", "bring {the} up", "{the} is too low",
        ),
        held_out=(
            "let {the} float up", "{the} has to go up", "nudge {the} upwards",
        ),
    ),
    "move_down": _move(
        "down", "downwards",
        sentences=(
            "lower {the}", "drop {the} lower", "move {the} lower", "put {the} lower down",
            "pull {the} down", "move {the} to the bottom", "move {the} towards the bottom",
            "{the} should be lower", "bring {the} down", "{the} is too high",
        ),
        held_out=(
            "let {the} sink down", "{the} has to go down", "nudge {the} downwards",
        ),
    ),
    "duplicate": Wording(
        (
            (
                "add another {n}", "copy {the}", "duplicate {the}", "two {ns}", "add one more {n}",
                "make it two {ns}", "another {n}", "double {the}", "clone {the}",
                "i want two {ns}", "put another {n} next to it", "two {ns} instead of one",
            ),
            (
                "one more {n}", "add a second {n}", "make a copy of {the}", "put in another {n}",
                "there should be two {ns}", "copy and paste {the}", "i want another {n}",
                "a second {n}", "draw another {n}", "2 {ns}", "make {the} two {ns}",
                "turn {the} into two {ns}", "repeat {the}", "i want one more {n}",
                "give {the} a twin", "a pair of {ns}",
            ),
        ),
        (
            "one {n} is not enough, i want two", "{the} has to be copied",
            "show two {ns} in place of one",
        ),
    ),
    "triple": Wording(
        (
            (
                "make it three {ns}", "i want three {ns}", "three {ns}", "add two more {ns}",
                "triple {the}", "3 {ns}", "three {ns} instead of one", "make it 3 {ns}",
                "there should be three {ns}", "copy {the} twice",
            ),
            (
                "two more {ns}", "make three {ns}", "turn {the} into three {ns}",
                "make {the} three {ns}", "add another two {ns}", "put two more {ns} next to it",
                "i want 3 {ns}", "i want two more {ns}", "make three copies of {the}",
                "duplicate {the} twice", "have three {ns}", "draw two more {ns}",
            ),
        ),
        (
            "one {n} is not enough, i want three", "{the} has to be there three times",
            "show three {ns} in place of one",
        ),
    ),
    "hat": Wording(
        (
            (
                "give {the} {hat}", "put {hat} on {the}", "add {hat} to {the}", "{hat} on {the}",
                "put {hat} on {the}", "give {the} {hat}", "let {the} wear {hat}",
                "{the} with {hat}",
            ),
            (
                "{the} wearing {hat}", "{the} should wear {hat}", "i want {the} to wear {hat}",
                "{the} needs {hat}", "make {the} wear {hat}", "draw {hat} on {the}",
                "place {hat} on {the}", "{a} with {hat}", "put {hat} on top of {the}",
                "add {hat} on {the}", "put {hat} on the head of {the}", "get {the} {hat}",
                "i want {the} with {hat}", "{the} should have {hat}",
            ),
        ),
        (
            "dress {the} up with {hat}", "let {the} try on {hat}", "{the} deserves {hat}",
        ),
    ),
    "sunglasses": Wording(
        (
            (
                "give {the} {glasses}", "put {glasses} on {the}", "add {glasses} to {the}",
                "{glasses} on {the}", "put {glasses} on {the}", "give {the} {glasses}",
                "let {the} wear {glasses}", "{the} with {glasses}",
            ),
            (
                "{the} wearing {glasses}", "{the} should wear {glasses}", "{the} needs {glasses}",
                "i want {the} to wear {glasses}", "make {the} wear {glasses}",
                "draw {glasses} on {the}", "place {glasses} on {the}", "{a} with {glasses}",
                "put {glasses} over the eyes of {the}", "add {glasses} on {the}",
                "get {the} {glasses}", "i want {the} with {glasses}", "{the} should have {glasses}",
            ),
        ),
        (
            "dress {the} up with {glasses}", "let {the} try on {glasses}",
            "{the} looks cooler behind {glasses}",
        ),
    ),
    "background_colour": Wording(
        (
            (
                "make the background {c}", "{a_c} background", "change the background to {c}",
                "turn the background {c}", "paint the background {c}", "make the background {c}",
                "put {s} on {a_c} background", "change the background colour to {c}",
            ),
            (
                "replace the background with plain {c}", "replace the background with {c}",
                "set the background to {c}", "i want {a_c} background", "use {a_c} background",
                "the background should be {c}", "give {s} {a_c} background", "on {a_c} background",
                "plain {c} background", "in front of {a_c} background", "colour the background {c}",
                "fill the background with {c}", "add {a_c} background", "{c} backdrop",
                "make the backdrop {c}", "solid {c} background",
            ),
        ),
        (
            "the background has to be {c}", "let everything behind be {c}",
            "swap the whole background for plain {c}",
        ),
    ),
    "background_blur": Wording(
        (
            (
                "blur the background", "make the background blurry", "{blur} the background",
                "put the background out of focus", "blurry background", "blur the backdrop",
                "make the background out of focus", "blur the background",
            ),
            (
                "keep only the objects sharp", "portrait mode", "bokeh", "blurred background",
                "add bokeh", "{apply} a background blur", "background blur", "soft background",
                "the background should be blurry", "i want a blurry background",
                "add blur to the background", "make the background soft",
                "blur everything behind", "give {s} a blurry background",
                "shallow depth of field", "background out of focus",
            ),
        ),
        (
            "let the background melt away softly", "the background has to be blurry",
            "only what is in front should be in focus",
        ),
    ),
}  # fmt: skip
