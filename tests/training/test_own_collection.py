"""A checkpoint and a confidence of one's own: real model, real index, drawn things."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from indexer.linker import Linker
from tests.training.conftest import SHOWN, draw
from training import calibrate as calibrating
from training import train as training_run
from training.data.collection.labels import fold_of
from training.measure.held_out import BEFORE, Tried
from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import checkpoint_folder, read_checkpoint, read_confidence
from wikiclip.model import WikiClip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stars, their records and index, and labels of other photographs: three of each, one unreadable."""
    folder = tmp_path_factory.mktemp("stars")
    records, labels = [], []
    for number in range(SHOWN):
        draw(folder / f"own-{number}.png", number, tilted=False)
        draw(folder / f"other-{number}.png", number, tilted=True)
        records.append(
            {"entity_id": str(number), "title": f"star {number}", "text": "", "images": [f"own-{number}.png"]}
        )
        labels += [
            {"picture": f"other-{number}.png", "entity_id": str(number)},
            {"picture": f"own-{(number + 1) % SHOWN}.png", "entity_id": str(number)},  # wrongly labelled
            {"picture": f"other-{number}.png", "entity_id": str(number), "region": {"box": [20, 20, 90, 90]}},
        ]
    labels.append({"picture": "none.png", "entity_id": "1"})
    labels.append({"picture": "own-1.png", "entity_id": "of nobody"})
    for name, lines in (("records.jsonl", records), ("labels.jsonl", labels)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    build(kb=KnowledgeBaseName.JSONL, records=folder / "records.jsonl", model="tiny", out=folder / "index")
    return folder


def calibrate(folder: Path, out: Path, *arguments: str) -> str:
    options = ["--labels", str(folder / "labels.jsonl"), "--index", str(folder / "index"), "--out", str(out)]
    return CliRunner().invoke(calibrating.app, [*options, "--device", "cpu", *arguments], catch_exceptions=False).output


def test_a_confidence_is_fitted_and_goes_with_the_index(collection: Path, tmp_path: Path):
    out = tmp_path / "own"
    said = calibrate(collection, out, "--force")
    assert "2 of 50 annotations were left out" in said
    assert "48 labels, 50% of the entities taken out of the index" in said
    assert (tmp_path / "own.calibration.problems.jsonl").read_text().count("\n") == 2
    tiny = checkpoint_folder("tiny")
    assert read_checkpoint(out)[2] == read_checkpoint(tiny)[2]
    assert read_confidence(out) not in (None, read_confidence(tiny))
    found = Linker.open(out, collection / "index").link(collection / "other-3.png")
    assert found.confidence is not None
    before = read_confidence(out)
    calibrate(collection, out)  # once more, into what is there
    assert read_confidence(out) == before


def test_another_checkpoint_in_the_place_is_not_written_over(collection: Path, tmp_path: Path):
    (tmp_path / "own").mkdir()
    with pytest.raises(WikiClipError, match="not a checkpoint"):
        calibrate(collection, tmp_path / "own")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"picture": "other-1.png", "entity_id": str(n)} for n in (1, 2)], "of 2 entities, and .* 10 at least"),
        ([{"picture": "none.png", "entity_id": "1"}], "No label can be used"),
    ],
)
def test_too_few_labels_are_refused(collection: Path, tmp_path: Path, lines: list[object], said: str):
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(WikiClipError, match=said):
        calibrate(collection, tmp_path / "own", "--labels", str(tmp_path / "few.jsonl"), "--pictures", str(collection))
    assert not (tmp_path / "own").exists()


def train(folder: Path, out: Path, *arguments: str) -> str:
    options = ["--data", "jsonl", "--records", str(folder / "records.jsonl"), "--labels", str(folder / "labels.jsonl")]
    options += ["--images", str(folder), "--from", "tiny", "--out", str(out), "--steps", "2", "--no-report"]
    small = ["--annotated", "8", "--own", "8", "--classes", "0"]
    return CliRunner().invoke(training_run.app, [*options, *small, *arguments], catch_exceptions=False).output


@pytest.mark.parametrize("best", [BEFORE, training_run.CENTRED, training_run.TRAINED])
def test_a_checkpoint_is_kept_only_where_held_out_labels_are_found_better(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: str
):
    """Two steps make nothing better or worse that could be told, so that is said here."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Tried, "best", property(lambda self: best if best in self.answers else BEFORE))
    said = train(collection, tmp_path / "run", "--fold", "1")
    assert "held-out labels of" in said
    assert "centred - before" in said
    assert "steps will take about" not in said  # two are not worth it
    assert (tmp_path / "run" / "checkpoint").exists() == (best != BEFORE)
    assert ("so no checkpoint is written: tiny stays" in said) == (best == BEFORE)
    assert ("The centres alone find most" in said) == (best == training_run.CENTRED)
    assert "nothing tells whether" not in said
    if best == BEFORE:
        return
    packaged, mine = (
        WikiClip.load(folder).entity.state_dict()
        for folder in (checkpoint_folder("tiny"), tmp_path / "run" / "checkpoint")
    )
    apart = {name for name, tensor in mine.items() if not torch.equal(tensor, packaged[name])}
    centres = {"space.mention_centre_W", "space.entity_centre_W"}
    assert (apart == centres) == (best == training_run.CENTRED)
    assert (apart & centres == set()) == (best == training_run.TRAINED)


def test_more_labels_are_another_run(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A state that had seen the first labels alone passed for one of all."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    labels = tmp_path / "labels.jsonl"
    lines = (collection / "labels.jsonl").read_text().splitlines(keepends=True)
    labels.write_text("".join(lines[:24]))
    own = ("--labels", str(labels), "--pictures", str(collection), "--fold", "1")
    train(collection, tmp_path / "run", *own)
    state = (tmp_path / "run" / "state.pt").read_bytes()
    labels.write_text("".join(lines))
    with pytest.raises(WikiClipError, match="other settings"):
        train(collection, tmp_path / "run", *own)
    train(collection, tmp_path / "run", *own, "--fresh")
    assert (tmp_path / "run" / "state.pt").read_bytes() != state


def test_what_nothing_was_held_out_of_is_said(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    every = [json.loads(line) for line in (collection / "labels.jsonl").read_text().splitlines()]
    held, seen = tmp_path / "held.jsonl", tmp_path / "seen.jsonl"
    for path, here in ((held, True), (seen, False)):
        chosen = [each for each in every if (fold_of(each["entity_id"]) == 1) == here]
        path.write_text("".join(json.dumps(each) + "\n" for each in chosen))
    own = ("--pictures", str(collection), "--fold", "1")
    said = train(collection, tmp_path / "run", *own, "--labels", str(seen))
    assert "No label is of a thing of fold 1" in said
    assert "nothing tells whether the checkpoint will find more than tiny" in said
    assert (tmp_path / "run" / "checkpoint").exists()
    with pytest.raises(WikiClipError, match="are of things that are held out: label others, too"):
        train(collection, tmp_path / "run", *own, "--labels", str(held))


def test_the_report_has_the_table_where_nothing_is_kept(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Tried, "best", property(lambda _: BEFORE))
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    said = train(collection, tmp_path / "run", "--report")
    assert "checkpoint is of another run" in said.replace("\n", "")
    assert list((tmp_path / "run" / "checkpoint").iterdir()) == []
    assert "before is what was kept" in (tmp_path / "run" / "report.html").read_text()
