"""The vocabulary of edits: what can be asked for, before any wording and any pixel.

Instructions are written from changes (`train.instructions`), targets are painted from them
(`train.whole`, `train.objects`). Names here are identifiers; the grammar knows how people say them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The nouns of the objects. None is common in the photographs, where it would be in the way.
NOUNS: Final = (
    *("cat", "dog", "horse", "pig", "rabbit", "elephant", "bird", "duck", "fish", "turtle"),
    *("butterfly", "bear", "penguin"),
    *("car", "bus", "bicycle", "airplane", "boat", "train", "rocket"),
    *("apple", "banana", "pizza", "cake", "strawberry", "carrot", "pumpkin"),
    *("ball", "balloon", "umbrella", "guitar", "clock", "gift"),
    *("sunflower", "palm tree", "house", "mushroom"),
)

COLOURS: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.86, 0.12, 0.12),
    "orange": (0.96, 0.52, 0.08),
    "yellow": (0.95, 0.85, 0.12),
    "green": (0.14, 0.66, 0.20),
    "turquoise": (0.10, 0.74, 0.70),
    "blue": (0.12, 0.30, 0.88),
    "purple": (0.52, 0.16, 0.78),
    "pink": (0.98, 0.48, 0.70),
}

# Where "add" puts an object: its centre as (x, y), fractions of the picture from the top left.
PLACES: Final[dict[str, tuple[float, float]]] = {
    "top left": (0.22, 0.24),
    "top": (0.50, 0.24),
    "top right": (0.78, 0.24),
    "left": (0.22, 0.50),
    "centre": (0.50, 0.50),
    "right": (0.78, 0.50),
    "bottom left": (0.22, 0.76),
    "bottom": (0.50, 0.76),
    "bottom right": (0.78, 0.76),
}

WHOLE_KINDS: Final = (
    *("black_and_white", "sepia", "night", "sunset", "cold", "invert", "brighter", "darker"),
    *("more_contrast", "less_contrast", "more_colour", "less_colour", "fog", "blur", "sketch"),
    *("ink", "oil", "watercolour", "cartoon", "pixel_art", "snow", "rain", "vignette", "vintage"),
    *("old_film", "tint", "van_gogh", "woodblock", "expressionist"),
)
OBJECT_KINDS: Final = (
    *("add", "remove", "replace", "recolour", "bigger", "smaller"),
    *("move_left", "move_right", "move_up", "move_down", "duplicate", "triple"),
    *("hat", "sunglasses", "background_colour", "background_blur"),
)
KEEP: Final = "keep"
KINDS: Final = (KEEP, *WHOLE_KINDS, *OBJECT_KINDS)


@dataclass(frozen=True, slots=True)
class Change:
    """One edit: its kind and what that kind needs.

    `noun` is the object it is about, `other` what replaces it ("replace" alone). `colour` goes with
    tint, recolour and background_colour, `place` with add, where None leaves the place open.
    """

    kind: str
    noun: str | None = None
    other: str | None = None
    colour: str | None = None
    place: str | None = None

    @property
    def name(self) -> str:
        """Its kind and fields in one word, unique to it."""
        fields = (self.kind, self.noun, self.other, self.colour, self.place)
        return "-".join(field.replace(" ", "_") for field in fields if field)
