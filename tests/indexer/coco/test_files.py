"""Lists of a file are streamed whichever comes first; `tests/service/test_coco.py` holds what is made of them."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.coco.files import WithoutNan, items, region_of
from wikiclip.base.errors import WikiClipError


@pytest.mark.parametrize("bar", [True, False])
def test_a_list_is_given_as_it_is_whatever_else_the_file_holds(tmp_path: Path, bar: bool):
    path = tmp_path / "coco.json"
    document = {"info": {"annotations": [1]}, "annotations": [{"id": 1.5, "deep": [{"a": None}]}, 7, "x"], "images": []}
    path.write_text(json.dumps(document))
    assert list(items(path, "annotations", bar=bar)) == document["annotations"]
    assert list(items(path, "images", bar=bar)) == []
    assert list(items(path, "categories", bar=bar)) == []


@pytest.mark.parametrize("text", ["", "[", '{"a": [1, 2', '{"a": [NaN]}', '{"a": ["\\udcff"]}'])
def test_what_is_not_json_is_one_line(tmp_path: Path, text: str):
    path = tmp_path / "coco.json"
    path.write_text(text)
    with pytest.raises(
        WikiClipError, match=r"^[^\n]*\.json is not JSON, or is cut off \([^\n]*\); fetch or write it again\.$"
    ):
        list(items(path, "a", bar=False))


def test_no_region_at_all_is_the_whole_picture():
    assert region_of({}) is None
    assert region_of({"segmentation": None, "bbox": None}) is None


@pytest.mark.parametrize("number", [2**63, -(2**70), 10**40])
def test_numbers_past_64_bits_are_read_as_python_reads_them(tmp_path: Path, number: int):
    path = tmp_path / "coco.json"
    document = [{"id": 1.5}, {"id": number, "bbox": [0.5, 1, 2, 3e2]}, {"id": 3}]
    path.write_text(json.dumps({"annotations": document}))
    found = list(items(path, "annotations", bar=False))
    assert found == document
    assert [type(one) for one in found[1]["bbox"]] == [float, int, int, float]


def test_a_mark_of_the_byte_order_is_no_content(tmp_path: Path):
    path = tmp_path / "coco.json"
    path.write_text('{"annotations": [1]}', encoding="utf-8-sig")
    assert list(items(path, "annotations", bar=False)) == [1]


def test_utf_16_is_named(tmp_path: Path):
    path = tmp_path / "coco.json"
    path.write_text('{"annotations": [1]}', encoding="utf-16")
    with pytest.raises(WikiClipError, match="is UTF-16: save it as UTF-8"):
        list(items(path, "annotations", bar=False))


@settings(deadline=None)
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text("aN, :", max_size=4) | st.just(float("nan")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    indent=st.none() | st.integers(0, 2),
    size=st.integers(1, 9),
)
def test_what_python_writes_for_no_number_can_be_read_as_null(document: object, indent: int | None, size: int):
    """Wherever the blocks of the stream end."""
    text = json.dumps({"images": [document]}, indent=indent).encode()
    stream = WithoutNan(io.BytesIO(text))
    read = b"".join(iter(lambda: stream.read(size), b""))
    assert json.loads(read) == json.loads(text, parse_constant=lambda _: None)


def test_a_file_with_nan_is_read_where_that_is_asked_for(tmp_path: Path):
    path = tmp_path / "coco.json"
    path.write_text('{"images": [{"id": 1, "latitude": NaN}, {"id": 2, "name": "NaN, they say"}]}')
    found = list(items(path, "images", bar=False, nan=True))
    assert found == [{"id": 1, "latitude": None}, {"id": 2, "name": "NaN, they say"}]
