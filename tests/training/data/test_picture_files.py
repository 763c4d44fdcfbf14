from pathlib import Path

import pytest

from training.data.picture_files import file_names, picture_below


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
