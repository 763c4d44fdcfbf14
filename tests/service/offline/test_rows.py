import json
from pathlib import Path

import pytest

from indexer.records.tag_filter import TagFilter
from service.offline.mentions import Mention
from service.offline.rows import Rows
from wikiclip.base.errors import WikiClipError


def ids(path: Path) -> list[object]:
    return [json.loads(line)["annotation_id"] for line in path.read_text().splitlines()]


def test_rows_are_added_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    with Rows(path, index_version="v1") as rows:
        assert rows.claim("1")
        assert rows.claim(1)  # a number is not the text
        assert not rows.claim("1")
        rows.append([{"annotation_id": "1", "title": "\u2603 \ud800"}, {"annotation_id": 1}])
    with Rows(path, index_version="v1") as rows:
        assert len(rows) == 2
        assert not rows.claim(1)
        assert rows.claim(2)
    assert ids(path) == ["1", 1]


@pytest.mark.parametrize(
    "rest", [b'{"annotation_id": 2, "ind', b"{", b"\xff\xfe", b'{"annotation_id": 2, "index_version": "v1"}']
)
def test_the_beginning_of_a_row_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1") as rows:
        rows.append([{"annotation_id": 1}])
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    with Rows(path, index_version="v1") as rows:
        assert rows.claim(2)
        rows.append([{"annotation_id": 2}])
    assert path.read_bytes().startswith(whole)
    assert ids(path) == [1, 2]


@pytest.mark.parametrize("line", ["not json", "{}", "[]", '{"annotation_id": 1}'])
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{line}\nthe rest")
    with pytest.raises(WikiClipError, match="line 1"):
        Rows(path, index_version="v1")
    assert path.read_text() == f"{line}\nthe rest"


def test_rows_of_another_index_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1") as rows:
        rows.append([{"annotation_id": 1}])
    with pytest.raises(WikiClipError, match=r"v1.*v2"):
        Rows(path, index_version="v2")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, TagFilter.of(any=["bird"]), r"rows without a filter of tags, and this run links with the filter .*bird"),
        (TagFilter.of(any=["bird"]), None, r"with the filter .*bird.*, and this run links without a filter"),
        (TagFilter.of(any=["bird"]), TagFilter.of(none=["bird"]), r'\{"any": \["bird"\]\}.*\{"none": \["bird"\]\}'),
    ],
)
def test_rows_of_another_filter_are_not_mixed(
    tmp_path: Path, before: TagFilter | None, now: TagFilter | None, told: str
) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1", tags=before) as rows:
        rows.append([{"annotation_id": 1}, {"annotation_id": 2, "error": {}}])
    written = path.read_bytes()
    with pytest.raises(WikiClipError, match=told):
        Rows(path, index_version="v1", tags=now)
    assert path.read_bytes() == written
    with Rows(path, index_version="v1", tags=before) as rows:
        assert not rows.claim(1)
        assert rows.claim(2)


def test_rows_note_the_filter_whatever_the_order_of_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1", tags=TagFilter.of(any=["b", "a", "a"], none=["c"])) as rows:
        rows.append([{"annotation_id": 1}])
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["tags"] == {"any": ["a", "b"], "none": ["c"]}
    with Rows(path, index_version="v1", tags=TagFilter.of(any=["a", "b"], none=["c"])) as rows:
        assert not rows.claim(1)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1"), pytest.raises(WikiClipError, match="Another process"):
        Rows(path, index_version="v1")
    with Rows(path, index_version="v1"):
        pass


def test_the_same_id_of_another_picture_is_another_row(tmp_path: Path) -> None:
    with Rows(tmp_path / "rows.jsonl", index_version="v1") as rows:
        assert [rows.claim(0, picture) for picture in (1, 2, 1, 1.0)] == [True, True, False, False]
        assert rows.claim(0, 1, 1)


def test_rows_from_before_count_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"annotation_id": 1, "image_id": "a", "candidates": [], "index_version": "v1"}\n')
    with Rows(path, index_version="v1") as rows:
        rows.expect_set([Mention(1, "a", tmp_path, None)])
        assert not rows.claim(1, "a")
        assert rows.claim(1, "b")


ERROR = {"annotation_id": 2, "error": {"type": "x", "detail": "gone"}}


def test_errors_are_tried_again_and_each_annotation_ends_with_one_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1") as rows:
        assert all(map(rows.claim, (1, 2, 3)))
        rows.append([{"annotation_id": 1}, ERROR, {**ERROR, "annotation_id": 3}])
        assert (rows.added, rows.failed, rows.mended, rows.errors) == (3, 2, 0, 2)
    with Rows(path, index_version="v1") as rows:
        assert [rows.claim(one) for one in (1, 2, 2, 3)] == [False, True, False, True]
        rows.append([{"annotation_id": 2, "candidates": []}, {**ERROR, "annotation_id": 3}])
        assert (len(rows), rows.added, rows.failed, rows.mended, rows.errors) == (3, 0, 0, 1, 1)
        assert ids(path) == [1, 2, 3, 2], "nothing goes before what replaces it is there"
    assert ids(path) == [1, 3, 2]
    assert [left for left in tmp_path.iterdir() if left.suffix != ".lock"] == [path]


def test_an_error_that_stays_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for _ in range(3):
        with Rows(path, index_version="v1") as rows:
            assert rows.claim(2)
            rows.append([ERROR])
    assert ids(path) == [2]


def test_a_run_that_was_killed_before_it_tidied_up_is_tidied_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [{**ERROR, "index_version": "v1"}, {"annotation_id": 2, "candidates": [], "index_version": "v1"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"annot')
    with Rows(path, index_version="v1") as rows:
        assert (len(rows), rows.errors) == (1, 0)
        assert not rows.claim(2)
    assert path.read_text() == json.dumps(lines[1]) + "\n"


def test_rows_of_another_set_are_refused(tmp_path: Path) -> None:
    path, picture = tmp_path / "rows.jsonl", tmp_path / "a.png"
    picture.write_bytes(b"1")
    one, other = Mention(1, "a", picture, {"box": [1, 2, 3, 4]}), Mention(2, "a", picture, None)
    with Rows(path, index_version="v1") as rows:
        rows.append([{"annotation_id": 1, "image_id": "a", "asked": one.asked()}, ERROR])
    with Rows(path, index_version="v1") as rows:
        rows.expect_set([other, one])  # it has grown
        rows.expect_set([Mention(1, "a", tmp_path / "not mounted.png", one.region)])
        with pytest.raises(WikiClipError, match="annotation 1 of picture 'a' had another region or picture"):
            rows.expect_set([Mention(1, "a", picture, {"box": [1, 2, 3, 5]})])
        with pytest.raises(WikiClipError, match="none of their annotations"):
            rows.expect_set([other])
        picture.write_bytes(b"22")
        with pytest.raises(WikiClipError, match="another set"):
            rows.expect_set([one])
