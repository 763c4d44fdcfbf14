"""Formats that are not read are told apart by their first bytes, and nothing that is read is taken for one of them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from wikiclip.picture_files.others import other_format
from wikiclip.picture_files.reading import FILE_FORMATS


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, format=kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved("TIFF"), "TIFF"),
        (saved("BMP"), "BMP"),
        (saved("JPEG2000"), "JPEG 2000"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"8BPS\0\x01", "PSD"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", None),  # a film
        (b"BM is how this text begins", None),
        (b"", None),
        *((saved(kind), None) for kind in FILE_FORMATS),
    ],
)
def test_the_first_bytes_name_a_format(tmp_path: Path, data: bytes, kind: str | None) -> None:
    (tmp_path / "picture").write_bytes(data)
    assert other_format(tmp_path / "picture") == kind


def test_what_cannot_be_read_is_of_no_format(tmp_path: Path) -> None:
    assert other_format(tmp_path / "none.tif") is None
    assert other_format(tmp_path) is None
