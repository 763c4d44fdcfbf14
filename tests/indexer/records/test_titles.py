import sys
from math import ceil, log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.records.table import TABLE, EntityTable, to_batch, write_table
from indexer.records.titles import TITLES, Titles, fold, write_titles

ANY = st.text(st.characters(), max_size=6)  # with halves of surrogate pairs: a prefix may hold one
CLOSE = st.text("aAéÉe\u0301ßsi\u0130Σς が\U0001f426\ue000", max_size=4)  # few letters: many equal titles, many hits
TITLE = CLOSE | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def titles_of(folder: Path, titles: list[str], block: int = 3) -> Titles:
    entities = [Entity(entity_id=f"Q{number}", title=title, text="") for number, title in enumerate(titles)]
    write_table([to_batch(entities[start : start + block]) for start in range(0, len(entities), block)], folder)
    write_titles(folder)
    return Titles(folder, EntityTable(folder))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Émile", "emile"),
        ("E\u0301mile", "emile"),
        ("\uff25\uff2d\uff29\uff2c\uff25 \ufb01n", "emile fin"),  # full width, a ligature
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("İzmir", "izmir"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("Σίσυφος", "σισυφοσ"),
        ("Łódź", "łodz"),
        ("हिन्दी", "हिनदी"),  # the virama between the consonants goes, the vowel signs stay
        ("한", "\u1112\u1161\u11ab"),
        ("\u0301", ""),
        ("", ""),
    ],
)
def test_what_a_title_is_compared_by(text: str, folded: str):
    assert fold(text) == folded


@settings(deadline=None)
@given(ANY | TITLE, ANY | TITLE)
def test_the_fold_of_a_start_is_the_start_of_the_fold(a: str, b: str):
    assert fold(a + b) == fold(a) + fold(b)


def test_no_character_folds_further():
    folded = fold("".join(map(chr, range(sys.maxunicode + 1))))
    assert fold(folded) == folded


@settings(deadline=None, max_examples=60)
@given(st.lists(TITLE, max_size=20), CLOSE | ANY, st.integers(1, 6))
def test_a_look_up_finds_what_a_scan_finds(tmp_path_factory, titles: list[str], prefix: str, block: int):
    found = titles_of(tmp_path_factory.mktemp("titles"), titles, block)
    order = sorted(range(len(titles)), key=lambda number: (fold(titles[number]), number))
    for asked in (prefix, "", *titles, *(title[:1] for title in titles)):
        expected = [number for number in order if fold(titles[number]).startswith(fold(asked))]
        assert found.starting_with(asked).tolist() == expected


def test_half_a_surrogate_pair_is_in_no_title_and_in_a_prefix_finds_nothing(tmp_path: Path):
    with pytest.raises(UnicodeEncodeError):
        to_batch([Entity(entity_id="Q", title="a\ud83d", text="")])
    assert titles_of(tmp_path, ["a", "a\U0001f426", "a\ue000"]).starting_with("a\ud83d").tolist() == []


def test_a_look_up_reads_few_titles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    count = 4096
    found = titles_of(tmp_path, [f"bird {number * 7919 % count:04d}" for number in range(count)], 500)
    reads, read = [], EntityTable.__getitem__
    monkeypatch.setattr(EntityTable, "__getitem__", lambda table, number: reads.append(number) or read(table, number))
    assert len(found.starting_with("BIRD 1")) == 1000
    assert 0 < len(reads) <= 2 * (ceil(log2(count)) + 1)


@pytest.mark.parametrize(
    "content",
    [
        np.array([0, 1], dtype=np.uint32),
        np.array([0, 1, 2, 0], dtype=np.uint32),
        np.array([0, 1, 3], dtype=np.uint32),
        np.array([0, 1, 2], dtype=np.int64),
        np.array([[0, 1, 2]], dtype=np.uint32),
    ],
)
def test_an_order_that_is_not_the_shards_is_refused(tmp_path: Path, content: np.ndarray):
    titles_of(tmp_path, ["a", "b", "c"])
    np.save(tmp_path / TITLES, content)
    with pytest.raises(CorruptIndex, match=r"titles\.npy"):
        Titles(tmp_path, EntityTable(tmp_path))


@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_an_order_that_was_cut_off_is_refused(tmp_path: Path, cut: int):
    titles_of(tmp_path, ["a", "b", "c"])
    (tmp_path / TITLES).write_bytes((tmp_path / TITLES).read_bytes()[:cut])
    with pytest.raises(CorruptIndex, match=r"titles\.npy"):
        Titles(tmp_path, EntityTable(tmp_path))


def test_a_shard_without_an_order_is_refused(tmp_path: Path):
    titles_of(tmp_path, ["a"])
    (tmp_path / TITLES).unlink()
    with pytest.raises(CorruptIndex, match=r"titles\.npy"):
        Titles(tmp_path, EntityTable(tmp_path))


def test_no_order_is_made_for_a_file_that_is_no_table(tmp_path: Path):
    (tmp_path / TABLE).write_bytes(b"no table")
    with pytest.raises(CorruptIndex, match=r"entities\.arrow"):
        write_titles(tmp_path)
