from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from indexer.kb.pictures.tuxpaint import STAMPS, read_stamps
from indexer.kb.pictures.twins import photographs
from wikiclip.base.errors import WikiClipError


def leaf(seed: int) -> Image.Image:
    """A blob with an outline of its own and some detail inside."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    radii = 20 + rng.uniform(0, 60, 9)
    corners = [(100 + r * np.cos(a), 100 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    picture = Image.new("RGBA", (200, 200))
    ImageDraw.Draw(picture).polygon(corners, fill=(90, 160, 60, 255))
    spots = Image.new("RGBA", (200, 200))
    draw = ImageDraw.Draw(spots)
    for x, y in rng.uniform(40, 160, (30, 2)):
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(200, 230, 120, 255))
    picture.paste(spots, (0, 0), Image.fromarray(np.minimum(np.asarray(spots)[..., 3], np.asarray(picture)[..., 3])))
    return picture


def recoloured(picture: Image.Image) -> Image.Image:
    red, green, blue, alpha = picture.split()
    return Image.merge("RGBA", (green, red, blue, alpha))


def disc(inside: int) -> Image.Image:
    picture = Image.new("RGBA", (100, 100))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, 99, 99), fill=(120, 120, 120, 255))
    rng = np.random.default_rng(inside)
    for x, y in rng.uniform(20, 80, (12, 2)):
        draw.rectangle((x - 4, y - 4, x + 4, y + 4), fill=(240, 240, 240, 255))
    return picture


def grouped(folder: Path, pictures: dict[str, Image.Image], crops: dict[str, str] | None = None) -> dict[str, str]:
    for name, picture in pictures.items():
        picture.save(folder / name)
    return photographs(folder, list(pictures), crops=crops or {})


@pytest.mark.parametrize("seed", range(5))
def test_what_was_made_from_a_picture_is_its_twin_and_nothing_else(tmp_path: Path, seed: int):
    original = leaf(seed)
    framed = Image.new("RGBA", (400, 300))
    framed.paste(original.resize((150, 150)), (200, 90))
    twins = {
        "a.png": original,
        "recoloured.png": recoloured(original),
        "mirrored.png": ImageOps.mirror(recoloured(original)),
        "small and elsewhere.png": framed,
    }
    others = {f"other {n}.png": leaf(100 + 10 * seed + n) for n in range(5)}
    found = grouped(tmp_path, twins | others)
    assert found == dict.fromkeys(twins, "a.png") | {name: name for name in others}


def test_discs_are_told_apart_by_what_is_on_them(tmp_path: Path):
    found = grouped(tmp_path, {"a.png": disc(0), "b.png": disc(1), "c.png": ImageOps.mirror(disc(0))})
    assert found == {"a.png": "a.png", "b.png": "b.png", "c.png": "a.png"}


def test_a_name_that_says_mirror_and_a_reviewed_crop_are_believed(tmp_path: Path):
    pictures = {"b.png": leaf(1), "b_mirror.png": leaf(2), "c.png": leaf(3), "d.png": leaf(4)}
    found = grouped(tmp_path, pictures, crops={"d.png": "b.png"})
    assert found == {"b.png": "b.png", "b_mirror.png": "b.png", "c.png": "c.png", "d.png": "b.png"}


def test_flat_and_empty_stamps_do_no_harm(tmp_path: Path):
    flat = Image.new("RGBA", (50, 80), (0, 0, 0, 255))
    found = grouped(tmp_path, {"a.png": flat, "b.png": Image.new("RGBA", (50, 80)), "c.png": leaf(0)})
    assert len(set(found.values())) == 3


def test_what_is_no_picture_is_named(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"GIF")
    with pytest.raises(WikiClipError, match=r"a\.png is no picture"):
        photographs(tmp_path, ["a.png"], crops={})


@pytest.mark.data
def test_the_real_ones(stamps_data: Path):
    """Groups and near misses as they were found by looking."""
    folder = stamps_data / STAMPS
    found = photographs(folder, [stamp.path for stamp in read_stamps(folder)], crops={})
    assert found["food/fruit/apple_red.png"] == found["food/fruit/apple_green.png"]
    assert found["town/flags/whiteflag.png"] == found["town/flags/redflag.png"]
    assert found["people/fireman240a.png"] == found["military/fireman240a.png"]
    assert found["animals/mammals/bovines/gnu-baby.png"] == found["animals/mammals/bovines/gnu-baby-stand.png"]
    assert len({found[f"town/roadsigns/stoplight_0{light}.png"] for light in ("1_red", "2_yellow", "3_green")}) == 1
    for one, other in [
        ("space/planets/7_uranus.png", "space/planets/8_neptune.png"),
        ("food/fruit/sliced_lime.png", "food/fruit/sliced_orange.png"),
        ("seasonal/halloween/grave-h.png", "seasonal/halloween/grave-j.png"),
        ("food/fruit/apple_red.png", "food/fruit/apple_fuji.png"),
        ("people/fireman200b.png", "people/fireman240a.png"),
    ]:
        assert found[one] != found[other]
    groups = [path for path, first in found.items() if path != first]
    assert 15 <= len(groups) <= 30
