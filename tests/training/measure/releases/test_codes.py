"""Entities by codes, against a look through all of them."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.measure.releases.codes import Codes, read_codes
from wikiclip.base.errors import WikiClipError

TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(st.lists(TOKENS, min_size=1, max_size=30), TOKENS, st.integers(1, 5))
def test_a_code_names_whoever_has_it_and_then_whoever_goes_on_from_it(codes, asked, most):
    ids = [f"Q{number}" for number in range(len(codes))]
    going_on = [number for number, code in enumerate(codes) if code[: len(asked)] == asked]
    expected = [ids[number] for number in sorted(going_on, key=lambda number: codes[number])]
    assert Codes(ids, codes).starting_with(asked, most) == expected[:most]


def test_a_file_is_read_gzipped_or_not(tmp_path: Path):
    lines = "".join(json.dumps({"entity_id": f"Q{n}", "code": [n, 7], "more": 1}) + "\n" for n in range(5)).encode()
    for name, content in (("plain", lines), ("packed", gzip.compress(lines))):
        (tmp_path / name).write_bytes(content)
        codes = read_codes(tmp_path / name)
        assert len(codes) == 5
        assert codes.starting_with([3], 10) == ["Q3"]
        assert codes.starting_with([3, 7, 1], 10) == codes.starting_with([9], 10) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"entity_id": "Q1", "code": [1]}\n{"entity_id": "Q2", "code": []}\n', "line 2, is not a code"),
        ('{"entity_id": "Q1", "code": [-1]}\n', "line 1, is not a code"),
        ('{"entity_id": "Q1", "code": "812"}\n', "line 1, is not a code"),
        ('{"code": [1]}\n', "line 1, is not a code"),
        ("", "holds no codes"),
    ],
)
def test_what_is_no_file_of_codes_is_one_line(content: str, said: str, tmp_path: Path):
    (tmp_path / "codes").write_text(content)
    with pytest.raises(WikiClipError, match=said):
        read_codes(tmp_path / "codes")
