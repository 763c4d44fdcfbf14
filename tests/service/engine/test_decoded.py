"""Pictures kept decoded, against a decoder that counts its calls."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from service.engine.decoded import DecodedPictures
from wikiclip.pictures import Fit, Picture, PictureError


class Decoder:
    """Makes a grey picture of as many rows as the file's first byte says, ten pixels wide: 40 bytes a row."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def __call__(self, file: bytes, fit: Fit) -> Picture:
        self.calls.append(file)
        if not file:
            raise PictureError("empty-image", "nothing")
        shrunk = int(fit(80, 8 * file[0]))
        return Picture(Image.new("RGB", (10, file[0])), None, shrunk, (80, 8 * file[0]), shrinks=True)


def test_the_same_file_is_decoded_once_while_it_is_kept() -> None:
    decoder = Decoder()
    pictures = DecodedPictures(decoder, most_bytes=400)  # ten rows
    assert [pictures.read(file)[1] for file in (b"\4a", b"\4b", b"\4a")] == [False, False, True]
    assert pictures.read(b"\4c")[1] is False  # takes the place of b, which was used the longest ago
    assert [pictures.read(file)[1] for file in (b"\4a", b"\4c", b"\4b")] == [True, True, False]
    assert decoder.calls == [b"\4a", b"\4b", b"\4c", b"\4b"]


def test_a_picture_larger_than_all_room_displaces_nothing() -> None:
    pictures = DecodedPictures(Decoder(), most_bytes=400)
    pictures.read(b"\4a")
    assert pictures.read(b"\x20")[1] is False
    assert pictures.read(b"\4a")[1] is True


def test_nothing_is_kept_where_there_is_no_room_or_no_picture() -> None:
    decoder = Decoder()
    assert [DecodedPictures(decoder, most_bytes=0).read(b"\1")[1] for _ in range(2)] == [False, False]
    pictures = DecodedPictures(decoder, most_bytes=400)
    for _ in range(2):
        with pytest.raises(PictureError):
            pictures.read(b"")
    assert decoder.calls == [b"\1", b"\1", b"", b""]


def test_each_is_answered_from_the_size_that_it_would_be_decoded_in() -> None:
    decoder = Decoder()
    pictures = DecodedPictures(decoder, most_bytes=400)
    asked = [4, 8, 4, 1, 8, 4, 1]
    found = [pictures.read(b"\2a", lambda width, height, shrunk=shrunk: shrunk) for shrunk in asked]
    assert [picture.shrunk for picture, _ in found] == asked
    assert [kept for _, kept in found] == [False, False, True, False, True, True, True]
    assert len(decoder.calls) == 3


def test_one_that_cannot_be_decoded_smaller_serves_every_question() -> None:
    pictures = DecodedPictures(lambda file, fit: Picture(Image.new("RGB", (10, 4)), None), most_bytes=400)
    assert [pictures.read(b"a", lambda width, height, fit=fit: fit)[1] for fit in (1, 8, 4)] == [False, True, True]


def test_many_threads_keep_within_the_room() -> None:
    pictures = DecodedPictures(Decoder(), most_bytes=2000)
    files = [bytes([rows, copy]) for rows in range(1, 9) for copy in range(9)] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(pictures.read, files))
    assert all(picture.rgb.size == (10, file[0]) for file, (picture, _) in zip(files, found, strict=True))
    assert sum(40 * picture.rgb.height for picture in pictures._kept.values()) == pictures._kept.currsize <= 2000
