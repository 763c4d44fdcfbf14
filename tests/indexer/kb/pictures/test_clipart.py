from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from indexer.kb.pictures.clipart import caption, read_clipart, spaced
from indexer.kb.pictures.match import PicturesError


@pytest.mark.parametrize(
    ("title", "stem", "told"),
    [
        ("Owl on Branch", "owl_on_branch_ganson", "owl on branch"),
        ("Lemon (Half Slice)", "lemon_half_slice_ganson", "lemon"),
        ("Cartoon Cat", "cartoon_cat_gerald_g._01", "cat"),
        ("CayennePepperRevisited", "cayennepepperrevisited_d_01", "cayenne pepper revisited"),
        ("Farfalla contorno", "farfalla_contorno_archit_01", "butterfly"),
        ("Gelato all&#39;italiana", "gelato_all_39_italiana_a_01", "ice cream"),
        ("Apple Pie", "pie_apple", "apple pie"),
        ("head1", "head1", ""),
        # A title that was given to a whole set says less than the file's name.
        ("Etiquette Icons", "seahorse", "seahorse"),
        ("R16 sibmission", "orange_wedge_bw", "orange"),
        ("Clipart by Nicu Buculei - pear", "pear", "pear"),
        ("Clipart by Nicu Buculei - contour_chipmunk", "contour_giraffe", "giraffe"),
        ("", "cormorant-md", "cormorant"),
        # Two things are no picture of one of them.
        ("Bread and Wine", "bread_and_wine_mark_near_", ""),
    ],
)
def test_the_title_counts_where_the_file_is_named_after_it(title: str, stem: str, told: str):
    assert caption(title, stem) == told


def test_words_are_told_apart():
    assert spaced("AfricanDrum_02-big v1.5") == "african drum big v"


def draw(path: Path, title: str = "", mode: str = "RGBA", size: tuple[int, int] = (4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngImagePlugin.PngInfo()
    if title:
        info.add_text("Title", title)
    Image.new(mode, size).save(path, pnginfo=info)


def test_pictures_of_things_with_an_alpha_channel_are_read(tmp_path: Path):
    draw(tmp_path / "animals/birds/owl_on_branch_ganson.png", "Owl on Branch")
    draw(tmp_path / "animals/birds/owl_bw.png", mode="LA")
    draw(tmp_path / "animals/photo.png", mode="RGB")
    draw(tmp_path / "animals/poster.png", size=(5000, 4))
    draw(tmp_path / "signs_and_symbols/star.png")
    (tmp_path / "animals/link.png").symlink_to(tmp_path / "animals/birds/owl_bw.png")
    coloured, grey = read_clipart(tmp_path, prefix="png/")[::-1]
    assert (coloured.path, coloured.caption) == ("png/animals/birds/owl_on_branch_ganson.png", "owl on branch")
    assert (coloured.topic, coloured.drawn) == ("animals/birds", True)
    assert (grey.path, grey.caption) == ("png/animals/birds/owl_bw.png", "owl")
    assert coloured.rank < grey.rank


def test_what_is_no_picture_or_not_there_is_said(tmp_path: Path):
    with pytest.raises(PicturesError, match="--kb wikipedia` fetches"):
        read_clipart(tmp_path)
    (tmp_path / "cut.png").write_bytes(b"\x89PNG")
    with pytest.raises(PicturesError, match=r"cut\.png is no picture"):
        read_clipart(tmp_path)
