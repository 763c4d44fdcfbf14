"""How what was found is shown."""

import pytest

from service.engine.presenting import shorten


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("", ""),
        ("  one\n two ", "one two"),
        ("a" * 240, "a" * 240),
        ("a" * 241, "a" * 239 + "…"),
        ("word, " * 60, ("word, " * 60)[:238].rsplit(" ", 1)[0].rstrip(" ,") + "…"),
    ],
)
def test_texts_are_cut_between_words(text: str, short: str) -> None:
    assert shorten(text) == short
    assert len(short) <= 240
