"""Pictures that tables name, as they lie in a folder."""

import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.convert.outcome import Loss
from indexer.convert.pictures import PictureFolder
from tests.indexer.convert.test_tables import convert, records
from wikiclip.base.errors import WikiClipError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures as two systems leave them, and one outside."""
    folder = tmp_path / "pictures"
    decomposed = unicodedata.normalize("NFD", "Gemälde")
    for name in ("a.png", f"Fotos/{decomposed}/x.JPG", "Twice/b.png", "twice/B.png", "Twice/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (tmp_path / "secret.png").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "lies"),
    [
        ("a.png", "a.png"),
        ("./a.png", "a.png"),
        ("A.PNG", "a.png"),
        ("Fotos\\Gemälde\\x.jpg", "Fotos/Gemälde/x.JPG"),
        ("fotos/GEMÄLDE/X.JPG", "Fotos/Gemälde/x.JPG"),
        ("Twice\\b.png", "Twice/b.png"),
        ("TWICE/C.png", "Twice/c.png"),
    ],
)
def test_a_picture_is_named_as_it_lies_in_the_folder(folder: Path, name: str, lies: str):
    found = PictureFolder(folder).find("t.csv:2", name)
    assert isinstance(found, str)
    assert unicodedata.normalize("NFC", found) == lies
    assert found in {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.png", "is not in the folder"),
        ("Fotos", "is not in the folder"),
        ("n" * 300, "is not in the folder"),
        ("TWICE/B.PNG", "several pictures of the folder have"),
        ("../secret.png", "goes up with two dots"),
        ("..\\SECRET.png", "goes up with two dots"),
        ("C:\\Fotos\\a.png", "begins elsewhere"),
        ("\\\\server\\a.png", "begins elsewhere"),
        ("/a.png", "begins elsewhere"),
        ("a\0.png", "must be one line"),
    ],
)
def test_what_is_no_picture_of_the_folder_says_why(folder: Path, name: str, why: str):
    found = PictureFolder(folder).find("t.csv:2", name)
    assert isinstance(found, Loss)
    assert why in found.why
    assert (found.where, found.name) == ("t.csv:2", name)


def test_the_folder_is_listed_only_where_a_name_is_not_found_as_it_is_and_once(folder: Path):
    pictures = PictureFolder(folder)
    assert pictures.find("", "a.png") == pictures.find("", "./a.png") == "a.png"
    assert "_by_key" not in vars(pictures)
    assert pictures.find("", "A.png") == "a.png"
    (folder / "new.png").touch()
    assert isinstance(pictures.find("", "NEW.png"), Loss)


def test_a_table_of_windows_keeps_its_pictures_and_one_that_is_missing_is_named(folder: Path, tmp_path: Path):
    long = "n" * 400
    (tmp_path / "t.csv").write_text(
        f"id,title,image\n1,A,Fotos\\Gemälde\\x.jpg\n2,B,Fotos\\\u202egone.jpg\n3,C,{long}\n", encoding="utf-8"
    )
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--images", str(folder))
    first, *_ = records(tmp_path, folder)
    assert (folder / first.images[0]).is_file()
    name = "'Fotos\\\\u202egone.jpg'"
    why = "a picture is not in the folder of pictures; its name is kept in extra"
    assert f"2 parts left out: {why} (first at t.csv:3: {name})" in said
    assert long[:200] not in said


def test_where_no_picture_is_found_nothing_is_written(folder: Path, tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,title,image\n1,A,Photos\\x.jpg\n2,B,y.jpg\n")
    (tmp_path / "records.jsonl").write_text("as it was")
    with pytest.raises(WikiClipError) as raised:
        convert(tmp_path, "table", str(tmp_path / "t.csv"), "--images", str(folder))
    assert str(raised.value) == (
        f"None of the 2 pictures that are named could be taken from {folder}, so nothing was written. The first is"
        " 'Photos\\x.jpg' (t.csv:2): a picture is not in the folder of pictures. Name with --images the folder that the"
        " names begin in, or with --image another column."
    )
    assert (tmp_path / "records.jsonl").read_text() == "as it was"
    (tmp_path / "t.csv").write_text("id,title,image\n1,A,\n")  # no picture is named
    assert "1 records" in convert(tmp_path, "table", str(tmp_path / "t.csv"), "--images", str(folder))


def test_pictures_in_formats_that_are_not_read_are_left_out_and_what_they_are_is_told(folder: Path, tmp_path: Path):
    Image.new("RGB", (4, 4)).save(folder / "scan.tif")
    Image.new("RGB", (4, 4)).save(folder / "fax.jpg", format="BMP")
    (folder / "broken.jpg").write_bytes(b"no picture at all")
    cells = "scan.tif;fax.jpg;broken.jpg;a.png"
    (tmp_path / "t.csv").write_text(f"id,title,image\n1,A,{cells}\n")
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--images", str(folder))
    assert records(tmp_path)[0].images == ("broken.jpg", "a.png")
    for name, kind in (("scan.tif", "TIFF"), ("fax.jpg", "BMP")):
        why = f"it is {kind}, not JPEG, PNG, WebP or GIF; its name is kept in extra (first at t.csv:2: '{name}')"
        assert f"1 parts left out: a picture cannot be read: {why}" in said


def test_a_jpeg_beside_a_picture_that_is_not_read_is_taken_for_it(folder: Path):
    Image.new("RGB", (4, 4)).save(folder / "Twice" / "Scan.TIF", format="TIFF")
    Image.new("RGB", (4, 4)).save(folder / "Twice" / "Scan.jpg")
    assert PictureFolder(folder).find("", "twice\\scan.tif") == "Twice/Scan.jpg"


def test_the_command_ends_with_one_line_and_1(folder: Path, tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,title,image\n1,A,gone.png\n")
    out = ["--out", str(tmp_path / "r.jsonl")]
    found = CliRunner().invoke(app, ["table", str(tmp_path / "t.csv"), "--images", str(folder), *out])
    assert found.exit_code == 1
    assert isinstance(found.exception, WikiClipError)
    assert "\n" not in str(found.exception)
    assert not (tmp_path / "r.jsonl").exists()


def test_what_names_no_picture_of_the_folder_stays_in_its_column(folder: Path, tmp_path: Path):
    (tmp_path / "t.csv").write_text(
        "id,title,archivo,vista,page\n1,A,Fondo Real;gone.png;a.png,a.png,12\n2,B,a.png,x.png|y,https://example.org\n"
    )
    table = ["table", str(tmp_path / "t.csv"), "--images", str(folder)]
    said = convert(tmp_path, *table, "--image", "archivo", "--image", "vista")
    first, second = records(tmp_path, folder)
    assert (first.images, first.url, json.loads(first.extra or "")) == (
        ("a.png",),
        None,
        {"archivo": "Fondo Real;gone.png", "page": "12"},
    )
    assert (second.images, second.url, second.extra) == (("a.png",), "https://example.org", '{"vista": "x.png|y"}')
    assert "3 parts left out: a picture is not in the folder of pictures; its name is kept in extra" in said
    assert "neither http:// nor https://, and is kept in extra (first at t.csv:2: '12')" in said
    columns = {"id": ["1"], "title": ["A"], "images": [["a.png", "gone.png"]]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    convert(tmp_path, "table", str(tmp_path / "t.parquet"), "--images", str(folder))
    assert records(tmp_path)[0].extra == '{"images": ["gone.png"]}'


def test_without_a_folder_a_column_that_was_found_has_pictures_with_an_ending(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,title,archivo\n1,A,Fondo Real S.A.\n2,B,B.jpeg\n")
    table = ["table", str(tmp_path / "t.csv")]
    said = convert(tmp_path, *table)
    assert [(one.images, one.extra) for one in records(tmp_path)] == [
        ((), '{"archivo": "Fondo Real S.A."}'),
        (("B.jpeg",), None),
    ]
    assert "an ending such as .jpg is taken for no picture's where --image does not name its column; its name" in said
    convert(tmp_path, *table, "--image", "archivo")
    assert [one.images for one in records(tmp_path)] == [("Fondo Real S.A.",), ("B.jpeg",)]
