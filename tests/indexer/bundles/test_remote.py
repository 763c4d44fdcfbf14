"""What names a place, and what does not."""

from pathlib import Path

import pytest

from indexer.bundles.remote import Remote
from wikiclip.base.errors import WikiClipError


@pytest.mark.parametrize("uri", ["s3//bucket/birds", "s3:/bucket/birds", "gs/bucket", "https:/store/birds", "file:/x"])
def test_an_address_that_was_mistyped_is_no_folder(uri: str) -> None:
    with pytest.raises(WikiClipError, match=r"://\.\.\.; a folder of that name is \./"):
        Remote(uri)


@pytest.mark.parametrize("uri", ["s3://", "gs:///", "s3://key:secret@bucket/birds", "nothing-of-fsspec://x/y"])
def test_what_names_no_place_is_said(uri: str) -> None:
    with pytest.raises(WikiClipError):
        Remote(uri)


def test_a_folder_may_be_called_like_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for uri in ("./s3/birds", "s3-copies/birds", str(tmp_path / "s3" / "birds")):
        assert Remote(uri).uri == str((tmp_path / uri).absolute())
