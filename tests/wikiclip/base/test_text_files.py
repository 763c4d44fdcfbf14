"""Files from any editor: with UTF-8's mark or without, and a sentence for what is no UTF-8."""

from pathlib import Path

import pytest

from indexer.update import _listed
from service.http.key_ring import read_keys
from training.recipes.settings_file import open_settings
from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_mark_of_the_byte_order_is_no_content(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file"
    path.write_text("\u2603\r\n", encoding=encoding, newline="")
    assert read_text(path) == "\u2603\r\n"
    path.write_text("Q1\nQ2\n", encoding=encoding)
    assert _listed(path) == ["Q1", "Q2"]
    path.write_text(f"ann admin {'0' * 64}\n", encoding=encoding)
    assert [key.name for key in read_keys(path)] == ["ann"]
    path.write_text('{"seed": 7}', encoding=encoding)
    assert open_settings(str(path)).tables == {"config": {"seed": 7}}


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32")])
def test_another_encoding_is_named(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "file"
    path.write_text("Q1\n", encoding=encoding)
    for read in (read_text, _listed, read_keys):
        with pytest.raises(WikiClipError, match=f"is {name}: save it as UTF-8"):
            read(path)


def test_what_cannot_be_read_or_is_no_text_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(WikiClipError, match="No such file"):
        read_text(path)
    path.write_bytes(b"a\xff")
    with pytest.raises(WikiClipError, match="no text in UTF-8: invalid start byte at byte 1"):
        read_text(path)
