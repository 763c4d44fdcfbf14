from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.kb.pictures.drawings import flatness, is_drawing
from indexer.kb.pictures.match import Match
from wikiclip.base.errors import WikiClipError


def match(path: str, *, drawn: bool = False) -> Match:
    return Match(path=path, caption="", entity_id="n1", drawn=drawn)


def test_areas_of_one_colour_tell_a_drawing_from_grain(tmp_path: Path):
    picture = Image.new("RGBA", (100, 80))
    ImageDraw.Draw(picture).ellipse((10, 10, 90, 70), fill="red", outline="black", width=4)
    picture.save(tmp_path / "drawn.png")
    noise = np.random.default_rng(0).integers(100, 120, (80, 100, 4), dtype=np.uint8)
    noise[..., 3] = np.asarray(picture)[..., 3]
    Image.fromarray(noise).save(tmp_path / "photo.png")
    assert is_drawing(tmp_path, match("drawn.png"))
    assert not is_drawing(tmp_path, match("photo.png"))
    assert is_drawing(tmp_path, match("photo.png", drawn=True))


def test_what_is_no_picture_is_said(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(WikiClipError, match=r"a\.png is no picture"):
        flatness(tmp_path / "a.png")


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "drawn"),
    [
        ("animals/birds/pelican.png", False),
        ("animals/mammals/giraffe.png", False),
        ("food/fruit/banana.png", False),
        ("clothes/t_scarf.png", True),
        ("town/flags/redflag.png", True),
    ],
)
def test_stamps_whose_path_does_not_tell(stamps_data: Path, path: str, drawn: bool):
    assert is_drawing(stamps_data / "usr/share/tuxpaint/stamps", match(path)) == drawn
