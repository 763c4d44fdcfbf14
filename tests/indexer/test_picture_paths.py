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
    with pytest.raises(NoPlace, match=why):
        found_picture(root, name)
    assert picture_file(root, name) is None


@pytest.mark.parametrize("name", ["images/x.png", "images\\x.png", "inside.png"])
def test_a_picture_is_found_with_slashes_of_either_kind_and_by_links_inside(tmp_path: Path, name: str):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.png").touch()
    (tmp_path / "inside.png").symlink_to("images/x.png")
    assert found_picture(tmp_path, name) == (tmp_path / "images" / "x.png").resolve()


def test_a_folder_that_is_gone_is_told(tmp_path: Path):
    with pytest.raises(NoPlace, match=r"folder of pictures .*gone is not there"):
        found_picture(tmp_path / "gone", "a.png")
