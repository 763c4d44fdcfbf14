import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.picture_paths import NoPlace, file_names, found_picture, picture_below, picture_file


def test_names_are_found_by_id_and_the_last_counts():
    rows = [("a", "/01/a.jpg"), ("b", "b.png"), ("a", "/02/a.jpg"), ("c", "odd \udcff.jpg")]
    with file_names(iter(rows)) as name_of:
        assert [name_of(key) for key in "abcd"] == ["/02/a.jpg", "b.png", "odd \udcff.jpg", None]


@pytest.mark.parametrize("name", ["../a.jpg", "/../a.jpg", "a/../../b.jpg", "a/..", "a\\..\\b.jpg", "a\0.jpg", "", "/"])
def test_a_name_that_leads_out_is_no_picture(name: str):
    assert picture_below(Path("pictures"), name) is None


@pytest.mark.parametrize("name", ["04/a.jpg", "/04/a.jpg", "//04/a.jpg", "./04//a.jpg"])
def test_a_slash_at_the_start_means_the_folder(name: str):
    assert picture_below(Path("pictures"), name) == Path("pictures/04/a.jpg")


CHILD = """
import resource
from indexer.picture_paths import file_names
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))  # as a disk that is full: a file cannot grow further
try:
    with file_names((f"picture {n:09}", "a folder/" * 20) for n in range(50_000)) as name_of:
        print(name_of("picture 000000000"))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_for_temporary_files_is_one_line():
    found = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout
    assert found.startswith("WikiClipError The names of the pictures cannot be kept")
    assert found.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("out.png", "a link that leads out"),
        ("linked/secret.png", "a link that leads out"),
        ("broken.png", "a link to a file that is not there"),
        ("loop.png", "round in a circle"),
        ("loops/x.png", "round in a circle"),
        ("pipe.png", "is no file"),
        ("../secret.png", "path leads out"),
        ("gone.png", "no such picture"),
        ("images\\gone.png", "backslash"),
        ("images", "is no file"),
        ("a\0.png", "no such picture"),
    ],
)
def test_a_picture_that_is_not_found_is_told_why(tmp_path: Path, name: str, why: str):
    root = tmp_path / "pictures"
    (root / "images").mkdir(parents=True)
    (tmp_path / "secret.png").touch()
    (root / "out.png").symlink_to("../secret.png")
    (root / "linked").symlink_to("..")
    (root / "broken.png").symlink_to("none")
    (root / "loop.png").symlink_to("again.png")
    (root / "again.png").symlink_to("loop.png")
    (root / "loops").symlink_to("loops")
    os.mkfifo(root / "pipe.png")
    with pytest.raises(NoPlace, match=why):
        found_picture(root, name)
    assert picture_file(root, name) is None


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder of pictures with links that lead out of it, beside a folder of somebody else."""
    root, elsewhere = tmp_path / "pictures", tmp_path / "elsewhere"
    for path in (root / "images" / "x.png", elsewhere / "deep" / "x.png", tmp_path / "secret.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.mkfifo(elsewhere / "pipe.png")
    (root / "out.png").symlink_to("../elsewhere/deep/x.png")
    (root / "far").symlink_to(elsewhere)
    (root / "twice.png").symlink_to("far/deep/x.png")
    (root / "pipe.png").symlink_to("../elsewhere/pipe.png")
    (root / "zero.png").symlink_to("/dev/zero")
    (root / "loop.png").symlink_to("loop.png")
    (root / "broken.png").symlink_to("../elsewhere/none.png")
    return root


@pytest.mark.parametrize("name", ["out.png", "far/deep/x.png", "far\\deep\\x.png", "twice.png"])
def test_a_link_out_of_the_folder_is_followed_where_that_is_asked_for(linked: Path, name: str):
    with pytest.raises(NoPlace, match="--follow-links"):
        found_picture(linked, name)
    there = (linked.parent / "elsewhere" / "deep" / "x.png").resolve()
    assert found_picture(linked, name, follow_links=True) == there
    assert picture_file(linked, name, follow_links=True) == there


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../secret.png", "path leads out"),
        ("far/../secret.png", "path leads out"),
        ("far\\..\\secret.png", "path leads out"),
        ("far/deep/../../secret.png", "path leads out"),
        ("images/../../secret.png", "path leads out"),
        ("{outside}", "path leads out"),
        ("far", "is no file"),
        ("pipe.png", "is no file"),
        ("far/pipe.png", "is no file"),
        ("zero.png", "is no file"),
        ("loop.png", "round in a circle"),
        ("broken.png", "a link to a file that is not there"),
        ("gone.png", "no such picture"),
    ],
)
def test_what_is_no_picture_of_the_folder_stays_refused_where_links_are_followed(linked: Path, name: str, why: str):
    name = name.replace("{outside}", str(linked.parent / "secret.png"))
    with pytest.raises(NoPlace, match=why):
        found_picture(linked, name, follow_links=True)


@pytest.mark.parametrize("name", ["images/x.png", "images\\x.png", "inside.png"])
def test_a_picture_is_found_with_slashes_of_either_kind_and_by_links_inside(tmp_path: Path, name: str):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.png").touch()
    (tmp_path / "inside.png").symlink_to("images/x.png")
    assert found_picture(tmp_path, name) == (tmp_path / "images" / "x.png").resolve()


def test_a_folder_that_is_gone_is_told(tmp_path: Path):
    with pytest.raises(NoPlace, match=r"folder of pictures .*gone is not there"):
        found_picture(tmp_path / "gone", "a.png")
