"""From labels to a file of masks that the reader takes back, through kills, faults and second runs."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import BadRecordFound
from tests.training.annotate.conftest import draw_picture, job_of, label_lines, write_lines
from training.annotate.run import annotate
from training.data.annotation import read_mention
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import locked

PICTURES = 9


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "labels.jsonl", label_lines(tmp_path / "oven_images", PICTURES))
    return tmp_path


def read_back(folder):
    return list(MaskOvenAnnotations(folder, part=Part.TRAIN, tasks=("entity",), images=folder))


def test_the_reader_takes_back_each_mask_as_it_was_drawn(folder, colour_annotator):
    made = annotate(job_of(folder, colour_annotator))
    assert made.counts["kept"] == 2 * PICTURES
    lines = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
    truth = {f"{n % 3}/{n:03}.png": draw_picture(folder / "again.png", n) for n in range(PICTURES)}
    found = read_back(folder)
    assert [each.data_id for each in found] == [f"labels-{n:08}" for n in range(1, 2 * PICTURES + 1)]
    for annotation, line in zip(found, lines, strict=True):
        _, mask = read_mention(annotation)
        np.testing.assert_array_equal(mask, truth[line["picture"]][line["entity"].split()[0]])
        assert (annotation.entity_id, annotation.question) == (line["entity_id"], line["question"])
        assert annotation.split == "train"


def test_the_file_is_in_the_shape_of_the_release(folder, colour_annotator):
    out = annotate(job_of(folder, colour_annotator)).out
    written = json.loads(out.read_text())
    assert written["images"][0] == {"id": "0/000.png", "file_name": "/0/000.png", "height": 72, "width": 96}
    assert len(written["images"]) == PICTURES
    assert written["categories"][0] == {"id": "Q1", "name": "red thing"}
    assert len({category["id"] for category in written["categories"]}) == len(written["categories"]) == 4
    first = written["annotations"][0]
    assert (first["id"], first["image_id"], first["category_id"]) == ("labels-00000001", "0/000.png", "Q1")
    assert isinstance(first["segmentation"][0]["counts"], str)
    assert first["bbox"] == [[8, 10, 41, 47]]
    assert (first["text_prompt"], first["label"]) == ("red thing", ["red thing"])


def test_what_cannot_be_read_is_counted_and_listed(folder, colour_annotator):
    with (folder / "labels.jsonl").open("a") as file:
        file.write('{"picture": "none.png", "entity": "red thing"}\n')
        file.write('{"picture": "../out.png", "entity": "red thing"}\n')
        file.write('{"picture": "0/000.png"}\n')
        file.write('{"picture": "0/000.png", "entity": "red thing", "colour": "red"}\n')
        file.write('{"picture": "0/000.png", "entity": "red thing", "data_id": "labels-00000001"}\n')
        file.write('{"picture": "0/000.png", "entity": "red thing", "data_split": "test"}\n')
        file.write("not JSON\n")
    made = annotate(job_of(folder, colour_annotator))
    assert made.counts["problems"] == {"unreadable-record": 5, "missing-picture": 1, "duplicate-id": 1}
    listed = [json.loads(line) for line in made.problems.read_text().splitlines()]
    assert [(each["code"], each["where"]) for each in listed] == [
        ("unreadable-record", "labels.jsonl:20"),
        ("missing-picture", "labels-00000019"),
        ("unreadable-record", "labels.jsonl:21"),
        ("unreadable-record", "labels.jsonl:22"),
        ("duplicate-id", "labels-00000001"),
        ("unreadable-record", "labels.jsonl:24"),
        ("unreadable-record", "labels.jsonl:25"),
    ]
    assert made.counts["kept"] == 2 * PICTURES


def test_strict_ends_at_the_first_problem_each_time(folder, colour_annotator):
    with (folder / "labels.jsonl").open("a") as file:
        file.write('{"picture": "none.png", "entity": "red thing"}\n')
    for _ in range(2):
        with pytest.raises(BadRecordFound, match=r"labels-00000019: missing-picture: There is no picture .*none\.png"):
            annotate(job_of(folder, colour_annotator, strict=True))
    assert not (folder / "mask_oven_entity_train.json").exists()


def test_what_is_not_visible_or_not_there_is_left_out_and_counted(folder, colour_annotator):
    lines = [
        {"picture": "0/000.png", "entity": "red war", "type": "event"},
        {"picture": "0/000.png", "entity": "red thing", "question": "When was this built?"},
        {"picture": "0/000.png", "entity": "yellow thing"},
        {"picture": "0/000.png", "entity": "green thing"},
        {"picture": "0/000.png", "entity": "yellow hall", "type": "museum"},
    ]
    write_lines(folder / "labels.jsonl", lines)
    counts = annotate(job_of(folder, colour_annotator)).counts
    assert counts["non_visual"] == {"event": 1, "when": 1}
    assert (counts["not_found"], counts["found"], counts["kept"]) == (1, 2, 2)
    assert counts["mended"] == {"places": 1, "dense": 0, "propagation": 0}
    written = json.loads((folder / "mask_oven_entity_train.json").read_text())["annotations"]
    assert written[1]["bbox"] == [[0, 0, 96, 72]]  # the museum
    assert written[0]["category_id"].startswith("name-")  # which no knowledge base has


class Broken:
    """A segmenter that dies at a picture, once."""

    method = "colour"

    def __init__(self, inner, at):
        self.inner, self.left, self.found = inner, at, 0

    def find(self, image, references):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left, self.found = self.left - 1, self.found + 1
        return self.inner.find(image, references)


def test_what_was_stopped_goes_on_and_ends_in_the_same_file(folder, colour_annotator):

    first, second = colour_annotator.segmenters
    broken = Broken(first, at=5)
    with pytest.raises(KeyboardInterrupt):
        annotate(job_of(folder, dataclasses.replace(colour_annotator, segmenters=[broken, second])))
    counting = Broken(first, at=-1)
    resumed = annotate(job_of(folder, dataclasses.replace(colour_annotator, segmenters=[counting, second])))
    assert counting.found == PICTURES - 4  # two chunks of two pictures were whole
    text = resumed.out.read_bytes()
    resumed.out.unlink()
    assert annotate(job_of(folder, colour_annotator)).out.read_bytes() == text


def test_what_is_made_already_is_not_made_again_and_what_was_changed_is(folder, colour_annotator):
    made = annotate(job_of(folder, colour_annotator))
    assert made.anew
    assert not annotate(job_of(folder, colour_annotator)).anew
    assert not (folder / "mask_oven_entity_train.json.chunks").exists()
    made.out.write_text("{}")
    assert annotate(job_of(folder, colour_annotator)).anew
    write_lines(folder / "labels.jsonl", label_lines(folder / "oven_images", PICTURES)[:4])
    assert annotate(job_of(folder, colour_annotator)).counts["read"] == 4


def test_two_at_once_are_told_apart(folder, colour_annotator):
    job = job_of(folder, colour_annotator)
    job.workshop.mkdir(parents=True)
    with locked(job.workshop / "lock"), pytest.raises(WikiClipError, match="Another process is making"):
        annotate(job)


def test_a_damaged_chunk_is_named(folder, colour_annotator):
    job = job_of(folder, colour_annotator)
    chunk = job.workshop / "chunks/000000.jsonl"
    chunk.parent.mkdir(parents=True)
    chunk.write_text('{"data_id": "a", "fate": "lost"}\n')
    with pytest.raises(WikiClipError, match=r"000000\.jsonl was changed"):
        annotate(job)


SCRIPT = """
import sys, time
from pathlib import Path
from tests.training.annotate.conftest import ColourSegmenter, NoKinds, job_of
from training.annotate.annotator import Annotator
from training.annotate.run import annotate

class Slow(ColourSegmenter):
    def find(self, image, references):
        time.sleep(0.05)
        return super().find(image, references)

segmenters = [Slow(boxed=True), ColourSegmenter(method="grown", grow=1)]
annotate(job_of(Path(sys.argv[1]), Annotator(segmenters=segmenters, kinds=NoKinds())))
"""


@pytest.mark.slow
def test_killed_and_run_again_it_ends_in_the_same_file(folder, colour_annotator):
    whole = annotate(job_of(folder, colour_annotator)).out
    text = whole.read_bytes()
    for path in folder.glob("mask_oven*"):
        path.unlink()
    chunks = folder / "mask_oven_entity_train.json.chunks"
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    for kill in (2, None):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], env=environment, stderr=subprocess.PIPE)
        if kill is not None:
            while len(list(chunks.glob("*/chunks/*.jsonl"))) < kill and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            assert not whole.exists()
        else:
            assert process.wait() == 0, process.stderr.read()
    assert whole.read_bytes() == text
