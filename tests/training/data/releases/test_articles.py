"""An article is found by its address and by its title, and by neither where it is not clear which record it is."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.kb.record import BadRecord, Entity
from training.data.releases.articles import articles_of, name_in, name_of

WIKI = "https://en.wikipedia.org/wiki/"


class Records:
    """A knowledge base from a list."""

    name, image_root, follow_links = "listed", None, False

    def __init__(self, *entities: Entity | BadRecord) -> None:
        self._entities = entities

    def __len__(self) -> int:
        return len(self._entities)

    def records(self) -> Iterator[Entity | BadRecord]:
        return iter(self._entities)

    def fingerprint(self) -> str:
        return "listed"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (WIKI + "Grey_heron", "Grey_heron"),
        (WIKI + "grey%20heron#Diet", "Grey_heron"),
        ("http://en.m.wikipedia.org/wiki/Caf%C3%A9", "Café"),
        (WIKI + "Cafe%CC%81?action=raw", "Café"),
        (WIKI + "AC/DC", "AC/DC"),
        ("https://de.wikipedia.org/wiki/Graureiher", None),
        (WIKI, None),
        ("https://en.wikipedia.org/w/index.php?title=Grey_heron", None),
        ("Grey_heron", None),
        ("https://[broken/wiki/A", None),
        ("", None),
    ],
)
def test_the_name_in_an_address(url: str, name: str | None):
    assert name_in(url) == name


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12))
def test_a_title_and_its_address_have_one_name(title: str):
    assert name_in(WIKI + quote(title.replace(" ", "_"), safe="")) == name_of(title)


def test_an_address_counts_before_a_title_and_what_is_shared_names_none():
    records = Records(
        Entity("Q1", "Mercury", "a planet", url=WIKI + "Mercury_(planet)"),
        Entity("Q2", "Mercury", "a metal", url="https://example.org/metals"),
        BadRecord(where="3", why="damaged"),
        Entity("Q4", "Something else", "a heron", url=WIKI + "Grey_heron"),
        Entity("Q5", "grey heron", "the same name"),
        Entity("Q6", "Little egret", "told without an address"),
        Entity("\ud800", "Half a pair", ""),
    )
    with articles_of(records) as entity_of:
        found = {
            name: entity_of(name) for name in ("Mercury_(planet)", "Mercury", "Grey_heron", "Little_egret", "None")
        }
        assert entity_of("Half_a_pair") == "\ud800"
    assert found == {
        "Mercury_(planet)": "Q1",
        "Mercury": None,
        "Grey_heron": "Q4",
        "Little_egret": "Q6",
        "None": None,
    }


def test_two_records_of_one_address_are_neither(tmp_path: Path):
    records = Records(Entity("Q1", "A", "", url=WIKI + "Heron"), Entity("Q2", "B", "", url=WIKI + "heron"))
    with articles_of(records) as entity_of:
        assert entity_of("Heron") is None
        assert (entity_of("A"), entity_of("B")) == ("Q1", "Q2")
