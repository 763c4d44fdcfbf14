"""Small sets in the form of OVEN's release, with pictures that the tests draw."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.kb.record import BadRecord
from training.data.annotation import Annotation, read_mention
from training.data.problems import Problems, checked
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import split_of
from wikiclip.base.errors import WikiClipError

TRAIN = {
    "data_id": "oven_entity_train_00000000",
    "image_id": "oven_04925844",
    "question": "what is the model of this aircraft?",
    "entity_id": "Q1141409",
    "entity_text": "Dassault Falcon 900",
    "data_split": "entity_train",
}
VAL = {**TRAIN, "data_id": "oven_query_val_00000107", "data_split": "query_val_unseen"}


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


def drawn(path: Path, size: tuple[int, int] = (12, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(path)
    return path


def only(annotations: OvenAnnotations) -> Annotation | BadRecord:
    [found] = annotations
    return found


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_reads_the_release_from_where_it_is_expected(home: Path, ending: str):
    written(home / f"oven_entity_train.jsonl{ending}", TRAIN)
    written(home / f"oven_query_train.jsonl{ending}", {**TRAIN, "data_id": "q", "question": None})
    picture = drawn(home / "oven_images/04/oven_04925844.jpg")
    annotations = OvenAnnotations(part="train")
    entity = Annotation(
        data_id="oven_entity_train_00000000",
        picture=picture,
        region=None,
        entity_id="Q1141409",
        split="train",
        task="entity",
        question="what is the model of this aircraft?",
    )
    first, second = annotations
    assert first == entity
    assert isinstance(second, Annotation)
    assert (second.data_id, second.task, second.question) == ("q", "query", None)
    assert (annotations.name, len(annotations)) == ("oven-train", 2)
    image, mask = read_mention(entity)
    assert image.size == (12, 10)
    assert mask.all()


@pytest.mark.parametrize(
    ("name", "part", "task"),
    [
        ("oven_entity_val.jsonl", "val", "entity"),
        ("oven_query_test.jsonl", "test", "query"),
        ("oven_human.jsonl", "human", None),
    ],
)
def test_a_file_tells_the_task_and_a_row_the_split(home: Path, name: str, part: Any, task: Any):
    written(home / name, VAL, {**VAL, "data_id": "b", "data_split": "human_seen"})
    found = list(OvenAnnotations(part=part, tasks=[task or "entity"]))
    assert [(one.task, one.split) for one in found if isinstance(one, Annotation)] == [(task, "unseen"), (task, "seen")]


@pytest.mark.parametrize(
    ("data_split", "split"),
    [
        ("entity_train", "train"),
        ("query_val_seen", "seen"),
        ("entity_test_unseen", "unseen"),
        ("entity_val", None),
        ("seen", None),
        ("entity_val_seen ", None),
        ("", None),
    ],
)
def test_what_data_split_means(data_split: str, split: str | None):
    assert split_of(data_split) == split


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".jpeg", ".png"])
def test_a_picture_is_found_whatever_its_extension(home: Path, suffix: str):
    written(home / "oven_query_val.jsonl", VAL)
    picture = drawn(home / f"oven_images/04/oven_04925844{suffix}")
    found = only(OvenAnnotations(part="val", tasks=["query"]))
    assert isinstance(found, Annotation)
    assert found.picture == picture


def test_a_missing_picture_is_found_when_it_is_read_and_not_before(home: Path):
    written(home / "oven_query_val.jsonl", VAL)
    found = only(OvenAnnotations(part="val", tasks=["query"]))
    assert isinstance(found, Annotation)
    with pytest.raises(WikiClipError, match=r"oven_images/04/oven_04925844\.jpg"):
        read_mention(found)


@pytest.mark.parametrize("beside_pictures", [False, True])
def test_the_list_of_paths_is_followed(home: Path, tmp_path: Path, beside_pictures: bool):
    """Both where the pictures still have the names of their source, and where they were moved to `oven_images`."""
    written(home / "oven_query_val.jsonl", *({**VAL, "data_id": str(n), "image_id": f"oven_0{n}"} for n in range(4)))
    images = tmp_path / "elsewhere"
    listed = drawn(images / "aircraft/images/1025794.jpg")
    moved = drawn(images / "oven_images/01/oven_01.webp")
    kept = drawn(images / "oven_images/02/oven_02.JPEG")
    unlisted = drawn(images / "oven_images/03/oven_03.png")
    rows = ("oven_id,oven_filepath", "oven_00,aircraft/images/1025794.jpg", "oven_01,inat/1.webp", "oven_02,a/2.jpg")
    csv = (images if beside_pictures else home) / "ovenid2impath.csv"
    csv.write_text("\n".join([*rows, "oven_03", "oven_03,", ""]))
    found = list(OvenAnnotations(part="val", tasks=["query"], images=images))
    assert [one.picture for one in found if isinstance(one, Annotation)] == [listed, moved, kept, unlisted]


def test_pictures_that_were_not_moved_need_no_folder_of_moved_ones(home: Path):
    written(home / "oven_query_val.jsonl", VAL)
    (home / "oven_images").rmdir()
    (home / "ovenid2impath.csv").write_text("oven_04925844,source/a.jpg\n")
    picture = drawn(home / "source/a.jpg")
    found = only(OvenAnnotations(part="val", tasks=["query"]))
    assert isinstance(found, Annotation)
    assert found.picture == picture


@pytest.mark.parametrize("path", ["../../secret.jpg", "a/../../secret.jpg", "a\\..\\secret.jpg"])
def test_a_path_that_leads_out_of_the_folder_is_a_bad_record(home: Path, path: str):
    written(home / "oven_query_val.jsonl", VAL)
    (home / "ovenid2impath.csv").write_text(f"oven_04925844,{path}\n")
    found = only(OvenAnnotations(part="val", tasks=["query"]))
    assert found == BadRecord(
        where="oven_query_val.jsonl:1", why="the picture's path leads out of the folder of pictures"
    )


def test_a_path_longer_than_a_file_system_takes_is_a_missing_picture(home: Path):
    written(home / "oven_query_val.jsonl", VAL)
    (home / "ovenid2impath.csv").write_text(f"oven_04925844,{'a' * 5000}.jpg\n")
    assert isinstance(only(OvenAnnotations(part="val", tasks=["query"])), Annotation)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"not json", "Invalid JSON"),
        (b'{"data_id": "a", ', "Invalid JSON"),
        (b"[1]", "object"),
        (b'{"data_id": "\xff"}', "Invalid JSON"),
        ({key: value for key, value in VAL.items() if key != "data_id"}, "data_id: Field required"),
        ({key: value for key, value in VAL.items() if key != "image_id"}, "image_id: Field required"),
        ({key: value for key, value in VAL.items() if key != "entity_id"}, "entity_id: Field required"),
        ({key: value for key, value in VAL.items() if key != "data_split"}, "data_split: must end in _seen or _unseen"),
        ({**VAL, "data_split": "entity_train"}, "data_split: must end in _seen or _unseen"),
        ({**VAL, "data_id": 7}, "data_id"),
        ({**VAL, "data_id": ""}, "data_id"),
        ({**VAL, "image_id": "../../x_04"}, "image_id"),
        ({**VAL, "image_id": "oven_0"}, "image_id"),
        ({**VAL, "entity_id": "Q1\n"}, "entity_id"),
        ({**VAL, "entity_id": 1141409}, "entity_id"),
        ({**VAL, "question": ["what"]}, "question"),
    ],
)
def test_a_bad_line_is_named_and_stops_nothing(home: Path, row: object, why: str):
    written(home / "oven_query_val.jsonl", {**VAL, "data_id": "first"}, row, {**VAL, "data_id": "last"})
    first, bad, last = OvenAnnotations(part="val", tasks=["query"])
    assert isinstance(first, Annotation)
    assert isinstance(last, Annotation)
    assert isinstance(bad, BadRecord)
    assert bad.where == "oven_query_val.jsonl:2"
    assert why in bad.why


def test_an_evaluation_row_in_a_training_file_is_not_trained_on(home: Path):
    written(home / "oven_query_train.jsonl", VAL)
    found = only(OvenAnnotations(part="train", tasks=["query"]))
    assert found == BadRecord(where="oven_query_train.jsonl:1", why="data_split: must end in _train in this file")


@pytest.mark.parametrize("label", [{}, {"entity_id": None}])
def test_a_withheld_label_is_said_to_be_withheld(home: Path, label: dict[str, None]):
    row = {key: VAL[key] for key in ("data_id", "image_id", "question")}
    written(home / "oven_entity_test.jsonl", {**row, **label})
    found = only(OvenAnnotations(part="test", tasks=["entity"]))
    assert isinstance(found, BadRecord)
    assert "withholds this set's labels" in found.why
    assert "val" in found.why


def test_all_that_is_missing_is_one_error_that_says_what_to_do(home: Path):
    written(home / "oven_entity_val.jsonl", VAL)
    (home / "oven_images").rmdir()
    with pytest.raises(WikiClipError) as error:
        OvenAnnotations(part="val")
    for expected in ("oven_query_val.jsonl or oven_query_val.jsonl.gz", "oven_images", "--annotations", "--images"):
        assert expected in str(error.value)
    assert str(home) in str(error.value)
    assert "oven_entity_val.jsonl" not in str(error.value)


def test_a_download_that_was_cut_off_is_an_error(home: Path):
    path = written(home / "oven_query_val.jsonl.gz", *({**VAL, "data_id": str(n)} for n in range(500)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WikiClipError, match=r"oven_query_val\.jsonl\.gz is damaged or was cut off"):
        list(OvenAnnotations(part="val", tasks=["query"]))


def test_a_file_can_be_streamed_again_and_gives_the_same(home: Path):
    rows = [
        {
            **TRAIN,
            "data_id": f"oven_entity_train_{n:08}",
            "image_id": f"oven_{n % 90 + 10}0000",
            "entity_id": f"Q{n % 7}",
        }
        for n in range(2_000)
    ]
    written(home / "oven_entity_train.jsonl", *rows)
    (home / "ovenid2impath.csv").write_text("".join(f"oven_{n}0000,inat/{n}.jpg\n" for n in range(10, 100)))
    annotations = OvenAnnotations(part="train", tasks=["entity"])
    abandoned = iter(annotations)
    head = list(itertools.islice(abandoned, 3))
    once, again = list(annotations), list(annotations)
    assert once == again
    assert once[:3] == head
    assert [one.data_id for one in once if isinstance(one, Annotation)] == [row["data_id"] for row in rows]
    assert len(annotations) == 2_000


def test_the_fingerprint_changes_with_a_file_a_list_and_a_picture(home: Path):
    path = written(home / "oven_query_val.jsonl", VAL)

    def fingerprint() -> str:
        return OvenAnnotations(part="val", tasks=["query"]).fingerprint()

    found = [fingerprint(), fingerprint()]
    drawn(home / "oven_images/04/oven_04925844.jpg")
    found.append(fingerprint())
    (home / "ovenid2impath.csv").write_text("oven_04925844,a.jpg\n")
    found.append(fingerprint())
    written(path, VAL, VAL)
    found.append(fingerprint())
    assert found[0] == found[1]
    assert len(set(found)) == 4


def test_every_kind_of_problem_in_one_pass(home: Path):
    drawn(home / "oven_images/01/oven_01.jpg")
    cut = drawn(home / "oven_images/02/oven_02.png")
    cut.write_bytes(cut.read_bytes()[:40])
    rows = [
        {**VAL, "data_id": "good", "image_id": "oven_01"},
        {**VAL, "data_id": "good", "image_id": "oven_01"},
        {**VAL, "data_id": "cut", "image_id": "oven_02"},
        {**VAL, "data_id": "gone", "image_id": "oven_03"},
        {**VAL, "data_id": "strange", "image_id": "oven_01", "entity_id": "Q404"},
        b"{",
    ]
    written(home / "oven_query_val.jsonl", *rows)
    read = []
    with Problems(home / "problems.jsonl") as problems:
        for annotation in checked(OvenAnnotations(part="val", tasks=["query"]), {"Q1141409"}, problems):
            try:
                read_mention(annotation)
            except WikiClipError as error:
                problems.add(error.code, annotation.data_id, str(error))
            else:
                read.append(annotation.data_id)
    assert read == ["good"]
    assert problems.counts == dict.fromkeys(
        ("duplicate-id", "unreadable-picture", "missing-picture", "unknown-entity", "unreadable-record"), 1
    )
    assert problems.summary().startswith("5 of 6 annotations were left out: ")
