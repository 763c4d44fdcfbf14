import json
from pathlib import Path

import pytest

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


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with Rows(path, index_version="v1"), pytest.raises(WikiClipError, match="Another process"):
        Rows(path, index_version="v1")
    with Rows(path, index_version="v1"):
        pass
