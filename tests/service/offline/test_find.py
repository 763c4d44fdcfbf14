"""Linking what stands out in the pictures of a folder, and showing it."""

import csv
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from service.batch import app
from service.offline.table import write_table
from service.settings import Settings
from wikiclip.base.errors import WikiClipError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures with two things each, one that is none, and a name that must not become HTML."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colours in (("a.png", ((210, 40, 30), (40, 70, 200))), ("<b>&.png", ((40, 150, 60), (235, 130, 20)))):
        image = Image.new("RGB", (240, 120), (230, 232, 235))
        draw = ImageDraw.Draw(image)
        draw.ellipse((20, 20, 100, 100), fill=colours[0])
        draw.rectangle((140, 20, 220, 100), fill=colours[1])
        image.save(folder / name)
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:60])
    return folder


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WIKICLIP_INDEX", str(settings.index))
    monkeypatch.setenv("WIKICLIP_THREADS", "1")
    monkeypatch.setenv("WIKICLIP_SEGMENTER", "grabcut")
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def test_what_stands_out_is_linked_as_the_routes_do_it(
    run: Any, photos: Path, tmp_path: Path, client: httpx.Client
) -> None:
    out = tmp_path / "out.jsonl"
    assert run("--images", photos, "--out", out, "--find", "--top-k", 3).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    of_a = [row for row in rows if row["image_id"] == "a.png"]
    picture = {"image": ("a.png", (photos / "a.png").read_bytes())}
    assert of_a[-1]["annotation_id"] == "a.png"
    assert len(of_a) >= 3
    assert [row["annotation_id"] for row in of_a[:-1]] == [f"a.png#{n}" for n in range(1, len(of_a))]
    regions = [row["region"] for row in of_a[:-1]]
    answer = client.post("/link", files=picture, data={"regions": json.dumps(regions), "top_k": "3"})
    results = answer.raise_for_status().json()["results"]
    for row, result in zip(of_a, results, strict=False):
        assert [one["entity_id"] for one in row["candidates"]] == [one["entity_id"] for one in result["candidates"]]
    (broken,) = [row for row in rows if row["image_id"] == "cut.png"]
    assert broken["error"]["type"].endswith("malformed-image")


def told(path: Path) -> dict[str, Any]:
    """What rows say but scores, whose last digit depends on what was encoded together."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({row["annotation_id"] for row in rows}) == len(rows)
    first = {row["annotation_id"]: [one["entity_id"] for one in row.get("candidates", [])[:1]] for row in rows}
    return {row["annotation_id"]: (row.get("region"), row.get("error"), first[row["annotation_id"]]) for row in rows}


def test_a_run_that_was_cut_off_goes_on_and_ends_with_the_same_rows(run: Any, photos: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    run("--images", photos, "--out", whole, "--find")
    lines = whole.read_bytes().splitlines(keepends=True)
    for kept in (1, len(lines) // 2, len(lines) - 1):
        cut.write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
        assert run("--images", photos, "--out", cut, "--find").exit_code == 0
        assert told(cut) == told(whole)


def test_table_and_sheet_show_all_of_it(run: Any, photos: Path, tmp_path: Path, client: httpx.Client) -> None:
    out, table, sheet = tmp_path / "out.jsonl", tmp_path / "out.csv", tmp_path / "out.html"
    said = run("--images", photos, "--out", out, "--find", "--top-k", 4, "--csv", table, "--sheet", sheet).output
    assert "with 3 pictures" in said
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == sum(len(row.get("candidates", [0])) for row in rows)
    first = next(line for line in lines if line["picture"] == "a.png" and line["part"] == "1")
    assert int(first["width"]) > 40
    assert sum(line["error"] != "" for line in lines) == 1
    write_table(out, tmp_path / "out.tsv", pictures=photos)
    with (tmp_path / "out.tsv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file, delimiter="\t")) == lines
    html = sheet.read_text()
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;.png" in html
    answered = [row for row in rows if "error" not in row]
    firsts = [row["candidates"][0]["entity_id"] for row in answered]
    pictured = sum(client.get(f"/entities/{quote(one, safe='')}/image").status_code == 200 for one in firsts)
    assert pictured > 0
    assert html.count("data:image/jpeg;base64,") == len(answered) + pictured, "the records' pictures stand beside them"
    sure = sum(row["confidence"] is not None and row["confidence"] >= 0.5 for row in answered)
    unsure = len(answered) - sure
    assert f"3 pictures: {sure} answer{' is' if sure == 1 else 's are'} sure, {unsure} are not, 1 could not" in html
    assert html.count("Not sure. Nearest is") == unsure > 1
    assert all(one["entity_id"] in html for row in answered for one in row["candidates"][:3])


def test_a_formula_is_none_in_a_spreadsheet(run: Any, photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").rename(photos / "=1+1.png")
    table = tmp_path / "out.csv"
    run("--images", photos, "--out", tmp_path / "out.jsonl", "--csv", table)
    assert "\n'=1+1.png," in table.read_text(encoding="utf-8-sig")


def test_annotations_and_find_exclude_one_another(run: Any, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text("{}")
    with pytest.raises(WikiClipError, match="leave out --annotations"):
        run("--images", photos, "--out", tmp_path / "o", "--find", "--annotations", tmp_path / "coco.json")


def test_the_table_and_the_sheet_take_no_other_files_place_and_are_refused_before_the_work(
    run: Any, photos: Path, tmp_path: Path
) -> None:
    out, folder = tmp_path / "out.jsonl", tmp_path / "folder"
    folder.mkdir()
    out.write_text("rows of hours")
    for arguments, said in (
        (("--csv", tmp_path / "folder" / ".." / "out.jsonl"), "--csv and --out name one file"),
        (("--sheet", out), "--sheet and --out name one file"),
        (("--csv", tmp_path / "x", "--sheet", tmp_path / "x"), "--sheet and --csv name one file"),
        (("--csv", folder), "folder is a folder: name a file with --csv FILE"),
    ):
        with pytest.raises(WikiClipError, match=said):
            run("--images", photos, "--out", out, "--find", *arguments)
        assert out.read_text() == "rows of hours"


def test_the_folder_of_a_table_is_made(run: Any, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "found.TSV"
    assert run("--images", photos, "--out", tmp_path / "out.jsonl", "--csv", table).exit_code == 0
    assert table.read_text(encoding="utf-8-sig").startswith("picture\tpart")


def test_what_was_found_in_a_picture_is_told_by_its_number(tmp_path: Path) -> None:
    ids = [("a.png", "a.png"), ("a.png#2", "a.png"), ("a#1.png#12", "a#1.png"), ("a.png2", "a.png2")]
    rows, out = tmp_path / "rows.jsonl", tmp_path / "rows.csv"
    error = {"error": {"detail": "-"}}
    rows.write_text(
        "".join(json.dumps({"annotation_id": one, "image_id": picture, **error}) + "\n" for one, picture in ids)
    )
    write_table(rows, out, pictures=tmp_path)
    with out.open(encoding="utf-8-sig", newline="") as file:
        parts = [line["part"] for line in csv.DictReader(file)]
    assert parts == ["", "2", "12", ""]


def test_a_name_that_is_no_utf_8_costs_neither_the_table_nor_the_sheet(run: Any, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (photos / os.fsdecode(b"link\xff")).symlink_to(tmp_path / "elsewhere")
    (photos / "a.png").rename(photos / os.fsdecode(b"bad\xff.png"))
    table, sheet = tmp_path / "out.csv", tmp_path / "out.html"
    said = run("--images", photos, "--out", tmp_path / "out.jsonl", "--csv", table, "--sheet", sheet)
    assert said.exit_code == 0, said.output
    assert "1 link to a folder outside, followed: 'link\\udcff'." in said.output
    assert "\nbad?.png," in table.read_text(encoding="utf-8-sig")
    assert "<h2>bad?.png</h2>" in sheet.read_text(encoding="utf-8")
