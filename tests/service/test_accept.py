"""Content negotiation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.reading.accept import preferred

OFFERS = ("image/png", "image/jpeg", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/JPEG ; Q=0.5", "image/jpeg"),
        ("image/jpeg, image/png", "image/png"),
        ("image/jpeg;q=0.9, image/png;q=0.8", "image/jpeg"),
        ("image/png;q=0, */*", "image/jpeg"),
        ("*/*;q=0.1, application/json;q=0.2", "application/json"),
        ("image/*;q=0.3, application/json;q=0.2", "image/png"),
        ("text/html,application/xhtml+xml,image/avif,*/*;q=0.8", "image/png"),
        ("image/gif", None),
        ("image/png;q=0", None),
        ("image/png;q=0.0000", None),
        ("image/png;q=nan", None),
        ("image/png;q=-1", None),
        ("png", None),
        ("*/png", None),
    ],
)
def test_the_most_specific_range_decides(accept: str, chosen: str | None) -> None:
    assert preferred(accept, OFFERS) == chosen


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_header_gives_an_offer_or_none(accept: str) -> None:
    assert preferred(accept, OFFERS) in (*OFFERS, None)


@given(
    st.permutations(("image/jpeg;q=0.5", "application/json;q=0.7", "image/*;q=0.6", "*/*;q=0.1"))
)
def test_the_order_of_the_ranges_does_not_matter(ranges: list[str]) -> None:
    assert preferred(", ".join(ranges), OFFERS) == "application/json"
