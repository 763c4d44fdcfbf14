"""Small sets in the form of Encyclopedic-VQA's release, with pictures where the archives of its sources have them."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord
from tests.training.data.small_release import draw
from training.data.annotation import Annotation, read_mention
from training.data.problems import Problems, checked
from training.data.releases.encyclopedic_vqa import EncyclopedicVqaAnnotations
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError

WIKI = "https://en.wikipedia.org/wiki/"
LANDMARK = "0a1b2c3d4e5f6071"
ROW = {
    "question": 'How tall, in "metres",\nis it?',
    "answer": "one|1&&two",
    "dataset_image_ids": "2686850|2686851",
    "dataset_name": "inaturalist",
    "dataset_category_id": "4684",
    "question_type": "templated",
    "wikipedia_url": WIKI + "Grey_heron",
    "wikipedia_title": "Grey heron",
    "evidence": "It is,\n\nsays the article.",
    "encyclopedic_vqa_split": "test",
    "wikipedia_url_used_in_train": "True",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the release is expected, with both sets of pictures in it."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    folder = tmp_path / "encyclopedic-vqa"
    draw(folder / "inaturalist/val/04684_Aves/a.jpg", 1)
    draw(folder / "landmarks/0/a/1" / f"{LANDMARK}.jpg", 2)
    images = [{"id": 2686850, "file_name": "val/04684_Aves/a.jpg", "latitude": float("nan")}]
    (folder / "inaturalist/val.json").write_text(json.dumps({"images": images}))
    return folder


@pytest.fixture
def kb(tmp_path: Path) -> JsonLines:
    records = [
        {"entity_id": "Q1", "title": "Ardea cinerea", "text": "", "url": WIKI + "Grey_heron"},
        {"entity_id": "Q2", "title": "Little egret", "text": ""},
    ]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return JsonLines(tmp_path / "records.jsonl")


def written(path: Path, *rows: dict[str, str]) -> Path:
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(ROW))
        table.writeheader()
        table.writerows(rows)
    return path


def read(kb: JsonLines, part: Part = Part.TEST, **options: Any) -> list[Annotation | BadRecord]:
    return list(EncyclopedicVqaAnnotations(part=part, kb=kb, **options))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_question_is_asked_once_with_its_first_picture(home: Path, kb: JsonLines, ending: str):
    written(home / f"test.csv{ending}", ROW)
    [found] = read(kb)
    assert found == Annotation(
        data_id="encyclopedic-vqa-test-00000000",
        picture=home / "inaturalist/val/04684_Aves/a.jpg",
        region=None,
        entity_id="Q1",
        split="seen",
        task=None,
        question='How tall, in "metres",\nis it?',
    )
    _, mask = read_mention(found)
    assert mask.all()


@pytest.mark.parametrize("used", ["True", "False", "false"])
def test_whether_training_has_seen_the_article(home: Path, kb: JsonLines, used: str):
    written(home / "test.csv", {**ROW, "wikipedia_url_used_in_train": used})
    [found] = read(kb)
    assert isinstance(found, Annotation)
    assert found.split == ("seen" if used == "True" else "unseen")


def test_training_s_rows_are_trained_on_and_show_training_s_pictures(home: Path, kb: JsonLines):
    written(home / "train.csv", {**ROW, "encyclopedic_vqa_split": "train", "dataset_image_ids": "7"})
    (home / "inaturalist/train.json").write_text('{"images": [{"id": 7, "file_name": "train/b.jpg"}]}')
    [found] = read(kb, Part.TRAIN)
    assert isinstance(found, Annotation)
    assert (found.split, found.picture) == ("train", home / "inaturalist/train/b.jpg")


@pytest.mark.parametrize("below", ["", "train", "index"])
def test_landmarks_are_found_by_the_start_of_their_id(home: Path, kb: JsonLines, below: str):
    picture = home / "landmarks/0/a/1" / f"{LANDMARK}.jpg"
    if below:
        picture = draw(home / "landmarks" / below / "0/a/1" / f"{LANDMARK}.jpg", 3)
        (home / "landmarks/0/a/1" / f"{LANDMARK}.jpg").unlink()
    written(home / "test.csv", {**ROW, "dataset_name": "landmarks", "dataset_image_ids": f"{LANDMARK}|x"})
    [found] = read(kb)
    assert isinstance(found, Annotation)
    assert found.picture == picture


def test_a_map_from_ids_to_paths_stands_in_for_inaturalist_s_list(home: Path, kb: JsonLines):
    (home / "inaturalist/val.json").rename(home / "inaturalist/other.json")
    (home / "val_id2name.json").write_text(json.dumps({"2686850": "val/04684_Aves/a.jpg", "9": 4}))
    written(home / "test.csv", ROW, {**ROW, "dataset_image_ids": "9"})
    first, second = read(kb)
    assert isinstance(first, Annotation)
    assert first.picture == home / "inaturalist/val/04684_Aves/a.jpg"
    assert isinstance(second, BadRecord)
    assert "val_id2name.json lists no picture 9" in second.why


def test_an_article_is_found_by_its_address_else_by_its_title(home: Path, kb: JsonLines):
    urls = {"Grey_heron": "x", "grey%20heron": "x", "Egretta_garzetta": "little egret", "Stork": "White stork"}
    written(
        home / "test.csv",
        *({**ROW, "wikipedia_url": WIKI + url, "wikipedia_title": title} for url, title in urls.items()),
    )
    found = [one.entity_id for one in read(kb) if isinstance(one, Annotation)]
    assert found == ["Q1", "Q1", "Q2", WIKI + "Stork"]


def test_questions_of_two_hops_are_not_asked_and_counted(home: Path, kb: JsonLines):
    two = {**ROW, "question_type": "2_hop", "wikipedia_url": f"{WIKI}Heron|{WIKI}Bird", "wikipedia_title": "Heron|Bird"}
    written(home / "test.csv", two, ROW, two)
    annotations = EncyclopedicVqaAnnotations(part=Part.TEST, kb=kb)
    [found] = annotations
    assert isinstance(found, Annotation)
    assert found.data_id == "encyclopedic-vqa-test-00000001"
    assert (len(annotations), annotations.two_hops) == (1, 2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"wikipedia_url": ""}, "wikipedia_url: must be"),
        ({"wikipedia_url": "Grey heron"}, "wikipedia_url: must be"),
        ({"encyclopedic_vqa_split": "val"}, "must be test"),
        ({"wikipedia_url_used_in_train": ""}, "True or False"),
        ({"dataset_name": "coco"}, "dataset_name: must be inaturalist or landmarks"),
        ({"dataset_image_ids": ""}, "val.json lists no picture"),
        ({"dataset_image_ids": "5"}, "val.json lists no picture 5"),
        ({"dataset_name": "landmarks", "dataset_image_ids": "../../etc"}, "not an id of Google Landmarks"),
        ({"dataset_name": "landmarks", "dataset_image_ids": "ab"}, "not an id of Google Landmarks"),
    ],
)
def test_a_bad_row_is_named_and_stops_nothing(home: Path, kb: JsonLines, change: dict[str, str], why: str):
    written(home / "test.csv", ROW, {**ROW, **change}, ROW)
    first, bad, last = read(kb)
    assert isinstance(first, Annotation)
    assert isinstance(last, Annotation)
    assert isinstance(bad, BadRecord)
    # Each row has a value of three lines and one of two.
    assert bad.where == "test.csv:9"
    assert why in bad.why


def test_a_list_that_leads_out_of_the_folder_is_not_followed(home: Path, kb: JsonLines):
    (home / "inaturalist/val.json").write_text('{"images": [{"id": 2686850, "file_name": "../../secret.jpg"}]}')
    written(home / "test.csv", ROW)
    [found] = read(kb)
    assert isinstance(found, BadRecord)
    assert "leads out of the folder" in found.why


def test_pictures_of_a_set_that_is_not_there_are_missing(home: Path, kb: JsonLines, tmp_path: Path):
    images = tmp_path / "images"
    draw(images / "landmarks/0/a/1" / f"{LANDMARK}.jpg", 2)
    written(home / "test.csv", ROW, {**ROW, "dataset_name": "landmarks", "dataset_image_ids": LANDMARK})
    gone, there = read(kb, images=images)
    assert isinstance(there, Annotation)
    read_mention(there)
    assert isinstance(gone, Annotation)
    with pytest.raises(WikiClipError, match="There is no picture"):
        read_mention(gone)


def test_what_is_missing_is_said(home: Path, kb: JsonLines, tmp_path: Path):
    with pytest.raises(WikiClipError, match=r"^Encyclopedic-VQA is not complete: test\.csv or test\.csv\.gz") as error:
        read(kb)
    assert str(home) in str(error.value)
    assert "oven" not in str(error.value)
    written(home / "test.csv", ROW)
    with pytest.raises(WikiClipError, match="there is no folder of pictures"):
        read(kb, images=tmp_path / "none")
    (home / "inaturalist/val.json").unlink()
    with pytest.raises(WikiClipError, match=r"Neither val\.json nor val_id2name\.json is in"):
        read(kb)


@pytest.mark.parametrize("content", ["<!DOCTYPE html><title>404</title>", '{"question": "?"}', "question,answer\n"])
def test_another_file_is_said_before_all_records_are_looked_at(
    home: Path, kb: JsonLines, content: str, monkeypatch: pytest.MonkeyPatch
):
    (home / "test.csv").write_text(content)
    monkeypatch.setattr(JsonLines, "records", lambda kb: pytest.fail("the records are read"))
    with pytest.raises(WikiClipError, match=r"test\.csv does not begin with a line that names the columns"):
        read(kb)


@pytest.mark.parametrize("name", ["val.json", "val_id2name.json"])
def test_a_list_that_is_html_is_said(home: Path, kb: JsonLines, name: str):
    written(home / "test.csv", ROW)
    (home / "inaturalist/val.json").unlink()
    (home / "inaturalist" / name).write_text("<!DOCTYPE html>")
    with pytest.raises(WikiClipError, match=f"{name} is a web page"):
        read(kb)


def test_an_article_that_is_no_record_s_is_counted(home: Path, kb: JsonLines):
    written(home / "test.csv", ROW, {**ROW, "wikipedia_url": WIKI + "Stork", "wikipedia_title": "Stork"})
    with Problems(home / "problems.jsonl") as problems:
        kept = list(checked(EncyclopedicVqaAnnotations(part=Part.TEST, kb=kb), {"Q1", "Q2"}, problems))
    assert [one.entity_id for one in kept] == ["Q1"]
    assert problems.counts == {"unknown-entity": 1}
    assert f"{WIKI}Stork is not in the knowledge base." in (home / "problems.jsonl").read_text()


def test_the_fingerprint_changes_with_a_file_a_list_and_a_picture(home: Path, kb: JsonLines):
    def fingerprint() -> str:
        return EncyclopedicVqaAnnotations(part=Part.TEST, kb=kb).fingerprint()

    written(home / "test.csv", ROW)
    found = [fingerprint(), fingerprint()]
    written(home / "test.csv", ROW, ROW)
    found.append(fingerprint())
    (home / "inaturalist/val.json").write_text('{"images": []}')
    found.append(fingerprint())
    for late in ("inaturalist/val/04684_Aves/b.jpg", "landmarks/0/a/1/0a1.jpg", "landmarks/train/0/a/1/0a2.jpg"):
        draw(home / late, 1)
        found.append(fingerprint())
    assert found[0] == found[1]
    assert len(set(found)) == 6
