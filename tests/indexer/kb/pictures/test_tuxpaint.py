from pathlib import Path

import pytest

from indexer.kb.pictures.match import PicturesError
from indexer.kb.pictures.tuxpaint import crops, read_stamps


def test_a_mirrored_stamp_has_the_caption_of_its_original(tmp_path: Path):
    for name in ("animals/gull.png", "animals/gull_mirror.png", "animals/cartoon/crow.png", "symbols/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "animals/gull.txt").write_text("A gull.\nde.utf8=Eine Möwe.\n", encoding="utf-8")
    stamps = read_stamps(tmp_path, prefix="stamps/")
    assert {stamp.path: (stamp.caption, stamp.topic, stamp.drawn) for stamp in stamps} == {
        "stamps/animals/cartoon/crow.png": ("", "animals", True),
        "stamps/animals/gull.png": ("A gull.", "animals", False),
        "stamps/animals/gull_mirror.png": ("A gull.", "animals", False),
    }


def test_a_folder_without_stamps_says_what_fetches_them(tmp_path: Path):
    with pytest.raises(PicturesError, match="make demo-data"):
        read_stamps(tmp_path)


def test_crops_are_named_as_the_stamps_are():
    assert all(crop.startswith("x/") and whole.startswith("x/") for crop, whole in crops("x/").items())
