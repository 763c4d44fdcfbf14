"""Small sets in the form of InfoSeek's release, with pictures that the tests draw."""

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
from training.data.releases.infoseek import InfoSeekAnnotations
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError

VAL = {
    "data_id": "infoseek_val_00000000",
    "image_id": "oven_04990048",
    "question": "Who designed it?",
    "answer": ["nobody"],
    "answer_eval": [{"wikidata": 1.0, "range": [0.9, 1.1]}],
    "data_split": "val_unseen_question",
}
LABEL = {"data_id": VAL["data_id"], "entity_id": "Q178185", "entity_text": "Heat engine"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the release is expected, with a folder of pictures in it."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    (tmp_path / "oven" / "oven_images").mkdir(parents=True)
    return tmp_path / "oven"


def written(path: Path, *rows: object) -> Path:
    content = b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def release(home: Path, *rows: object, labels: tuple[object, ...] = (LABEL,), part: str = "val") -> None:
    written(home / f"infoseek_{part}.jsonl", *rows)
    written(home / f"infoseek_{part}_withkb.jsonl", *labels)


def only(part: Part = Part.VAL, **options: Any) -> Annotation | BadRecord:
    [found] = InfoSeekAnnotations(part=part, **options)
    return found


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_question_gets_its_entity_from_the_other_file(home: Path, ending: str):
    written(home / f"infoseek_val.jsonl{ending}", VAL)
    written(home / f"infoseek_val_withkb.jsonl{ending}", {**LABEL, "data_id": "another", "entity_id": "Q1"}, LABEL)
    picture = draw(home / "oven_images/04/oven_04990048.jpg", 1)
    found = only()
    assert found == Annotation(
        data_id="infoseek_val_00000000",
        picture=picture,
        region=None,
        entity_id="Q178185",
        split="seen",
        task=None,
        question="Who designed it?",
    )
    _, mask = read_mention(found)
    assert mask.all()
    annotations = InfoSeekAnnotations(part=Part.VAL)
    assert (annotations.name, len(annotations)) == ("infoseek-val", 1)


@pytest.mark.parametrize(
    ("part", "data_split", "split"),
    [
        (Part.TRAIN, "train", "train"),
        (Part.VAL, "val_unseen_question", "seen"),
        (Part.VAL, "val_unseen_entity", "unseen"),
        (Part.TEST, "test_unseen_entity", "unseen"),
    ],
)
def test_an_unseen_question_is_about_a_seen_entity(home: Path, part: Part, data_split: str, split: str):
    release(home, {**VAL, "data_split": data_split}, part=part)
    found = only(part)
    assert isinstance(found, Annotation)
    assert found.split == split


@pytest.mark.parametrize("data_split", ["train", "val_seen", "val_unseen", "", None])
def test_another_split_is_a_bad_record(home: Path, data_split: str | None):
    release(home, {**VAL, "data_split": data_split})
    assert only() == BadRecord(
        where="infoseek_val.jsonl:1", why="data_split: must end in _unseen_question or _unseen_entity in this file"
    )


@pytest.mark.parametrize("part", [Part.TEST, Part.HUMAN])
def test_withheld_labels_are_said_to_be_withheld(home: Path, part: Part):
    """The release's own rows of these parts: no answer, no split, and no other file."""
    written(home / f"infoseek_{part}.jsonl", {key: VAL[key] for key in ("data_id", "image_id", "question")})
    found = only(part)
    assert isinstance(found, BadRecord)
    assert "withholds this set's labels" in found.why


@pytest.mark.parametrize(
    "labels", [(), ({**LABEL, "data_id": "another"},), (b"{",), ({**LABEL, "entity_id": "178185"},)]
)
def test_a_question_without_an_entity_is_named(home: Path, labels: tuple[object, ...]):
    release(home, VAL, labels=labels)
    assert only() == BadRecord(
        where="infoseek_val.jsonl:1",
        why="infoseek_val_withkb.jsonl has no line that names its entity and can be read",
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"not json", "Invalid JSON"),
        (b"[1]", "object"),
        (b'{"data_id": "\xff"}', "Invalid JSON"),
        ({**VAL, "data_id": 7}, "data_id"),
        ({**VAL, "image_id": "../oven_04"}, "image_id"),
        ({**VAL, "question": ["what"]}, "question"),
        ({key: value for key, value in VAL.items() if key != "image_id"}, "image_id: Field required"),
    ],
)
def test_a_bad_line_is_named_and_stops_nothing(home: Path, row: object, why: str):
    release(home, VAL, row, {**VAL, "data_id": "last"}, labels=(LABEL, {**LABEL, "data_id": "last"}))
    first, bad, last = InfoSeekAnnotations(part=Part.VAL)
    assert isinstance(first, Annotation)
    assert isinstance(last, Annotation)
    assert isinstance(bad, BadRecord)
    assert bad.where == "infoseek_val.jsonl:2"
    assert why in bad.why


@pytest.mark.parametrize("name", ["infoseek_val.jsonl", "infoseek_val_withkb.jsonl"])
def test_a_file_that_is_one_array_is_an_error(home: Path, name: str):
    release(home, VAL)
    (home / name).write_text(json.dumps([VAL, LABEL]))
    with pytest.raises(WikiClipError, match=rf"{name} is a JSON array"):
        only()


def test_pictures_are_oven_s_in_both_places(home: Path):
    release(home, *({**VAL, "data_id": str(n), "image_id": f"oven_0{n}"} for n in range(3)), labels=tuple(
        {**LABEL, "data_id": str(n)} for n in range(3)
    ))  # fmt: skip
    (home / "ovenid2impath.csv").write_text("oven_id,oven_filepath\noven_00,inat/0.jpg\noven_01,../secret.jpg\n")
    listed, moved = draw(home / "inat/0.jpg", 0), draw(home / "oven_images/02/oven_02.JPEG", 2)
    first, outside, last = InfoSeekAnnotations(part=Part.VAL)
    assert isinstance(first, Annotation)
    assert isinstance(last, Annotation)
    assert (first.picture, last.picture) == (listed, moved)
    assert outside == BadRecord(
        where="infoseek_val.jsonl:2", why="the picture's path leads out of the folder of pictures"
    )


def test_in_a_knowledge_base_of_other_ids_a_title_is_looked_up(home: Path):
    records = [{"entity_id": "Heat_engine", "title": "Heat engine", "text": "turns heat into work"}]
    kb = JsonLines(written(home / "records.jsonl", *records))
    labels = (LABEL, {**LABEL, "data_id": "other", "entity_id": "Q1", "entity_text": "Grey heron"})
    release(home, VAL, {**VAL, "data_id": "other"}, labels=labels)
    found = list(InfoSeekAnnotations(part=Part.VAL, titled=kb))
    assert [one.entity_id for one in found if isinstance(one, Annotation)] == ["Heat_engine", "Q1"]


def test_what_is_missing_is_one_error(home: Path):
    with pytest.raises(WikiClipError, match=r"^InfoSeek is not complete: infoseek_val\.jsonl or .*_withkb\.jsonl"):
        InfoSeekAnnotations(part=Part.VAL)


def test_problems_are_counted_and_listed(home: Path):
    good, gone = VAL, {**VAL, "data_id": "gone"}
    release(home, good, good, gone, b"{", labels=(LABEL, {**LABEL, "data_id": "gone", "entity_id": "Q404"}))
    with Problems(home / "problems.jsonl") as problems:
        read = [one.data_id for one in checked(InfoSeekAnnotations(part=Part.VAL), {"Q178185"}, problems)]
    assert read == [VAL["data_id"]]
    assert problems.counts == {"duplicate-id": 1, "unknown-entity": 1, "unreadable-record": 1}
    assert len((home / "problems.jsonl").read_text().splitlines()) == 3


def test_the_fingerprint_changes_with_each_file(home: Path):
    release(home, VAL)
    found = [InfoSeekAnnotations(part=Part.VAL).fingerprint()]
    release(home, VAL, labels=(LABEL, LABEL))
    found.append(InfoSeekAnnotations(part=Part.VAL).fingerprint())
    release(home, VAL, VAL, labels=(LABEL, LABEL))
    found.append(InfoSeekAnnotations(part=Part.VAL).fingerprint())
    draw(home / "oven_images/04/oven_04990048.jpg", 1)
    found.append(InfoSeekAnnotations(part=Part.VAL).fingerprint())
    assert len(set(found)) == 4
