"""What the command lines say of a data set: which options apply, what is missing, and what was left out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from indexer.kb import KnowledgeBaseName
from tests.training.data.small_release import PICTURED, TRAIN, VAL, picture
from training.data.annotation import TASKS
from training.data.releases.release import Part
from training.data.source import DataName, DataOptions, Tasks, annotated_data, open_data, training_set
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

JSONL = DataName.JSONL
OWN = {"data": JSONL, "records": Path("r"), "labels": Path("l")}
OVEN, MASKOVEN, INFOSEEK, VQA = DataName.OVEN, DataName.MASKOVEN, DataName.INFOSEEK, DataName.ENCYCLOPEDIC_VQA


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"annotations": Path("a")}, "--annotations does not apply to --data scenes."),
        ({"records": Path("a")}, "--records does not apply to --data scenes."),
        ({"images": Path("a")}, "--images does not apply to --data scenes."),
        ({"part": Part.VAL}, "--part does not apply to --data scenes."),
        ({"per_entity": 5}, "--per-entity does not apply to --data scenes."),
        ({"strict": True}, "--strict does not apply to --data scenes."),
        ({"labels": Path("a")}, "--labels does not apply to --data scenes."),
        ({"data": OVEN, "labels": Path("a")}, "--labels does not apply to --data oven."),
        (
            {"data": JSONL, "labels": Path("a")},
            "--data jsonl needs --records FILE and --labels FILE; docs/collection.md describes both.",
        ),
        ({**OWN, "part": Part.VAL}, "--part does not apply to --data jsonl."),
        ({**OWN, "annotations": Path("a")}, "--annotations does not apply to --data jsonl."),
        ({**OWN, "fold": 5}, "--fold must be from 0 to 4."),
        ({"data": OVEN, "fold": 0}, "--fold does not apply to --data oven."),
        ({"data": MASKOVEN, "fold": 1}, "--fold does not apply to --data maskoven."),
        ({"data": OVEN, "part": Part.WIKI}, "--part wiki does not apply to --data oven."),
        ({"data": INFOSEEK, "part": Part.WIKI}, "--part wiki does not apply to --data infoseek."),
        ({"data": VQA, "part": Part.HUMAN}, "--part human does not apply to --data encyclopedic-vqa."),
        ({"data": OVEN, "kb": KnowledgeBaseName.JSONL}, "--kb does not apply to --data oven."),
        ({"kb": KnowledgeBaseName.OVEN}, "--kb does not apply to --data scenes."),
        ({"data": INFOSEEK, "tasks": Tasks.QUERY}, "--tasks does not apply to --data infoseek."),
        ({"tasks": Tasks.QUERY}, "--tasks does not apply to --data scenes."),
        (
            {"data": MASKOVEN, "part": Part.WIKI, "tasks": Tasks.ENTITY},
            "--tasks does not apply to --part wiki, which does not tell tasks apart.",
        ),
        ({"data": OVEN, "per_entity": 0}, "--per-entity must be at least 1."),
        ({"cache_gb": -1.0}, "--cache-gb must be a number from 0 on."),
        ({"cache_gb": float("nan")}, "--cache-gb must be a number from 0 on."),
    ],
)
def test_an_option_that_does_not_apply_is_one_line(given: dict[str, Any], message: str):
    with pytest.raises(WikiClipError) as error:
        DataOptions(**given)
    assert str(error.value) == message


def test_options_that_apply_are_taken():
    DataOptions(fold=0, cache_gb=0.0)
    DataOptions(data=MASKOVEN, part=Part.WIKI, annotations=Path("a"), records=Path("b"), images=Path("c"), strict=True)
    DataOptions(data=INFOSEEK, part=Part.TEST, kb=KnowledgeBaseName.JSONL, records=Path("b"))
    DataOptions(**OWN, images=Path("i"), fold=4, per_entity=3, strict=True)
    DataOptions(data=VQA, part=Part.VAL, kb=KnowledgeBaseName.OVEN)


@pytest.mark.parametrize("data", [OVEN, MASKOVEN])
def test_a_release_is_opened_and_what_is_kept_and_left_out_is_told(
    release: Path, small_model: WikiClip, data: DataName, capsys: pytest.CaptureFixture[str]
):
    picture(release, TRAIN).unlink()
    options = DataOptions(data=data, per_entity=1, cache_gb=0.0)
    found = training_set(open_data(small_model, options), options)
    assert len(found.record_Q) == 6
    assert len(found.own) == PICTURED
    asked = annotated_data(small_model, DataOptions(data=data), Part.VAL)
    assert len(asked) == VAL
    told = capsys.readouterr().err
    for line in (
        f"None of {TRAIN} annotations was left out.\n",
        "texts-oven: 6 rows; tokens_NLT 0.00 GB computed when needed\n",
        "pictures-oven: 4 rows; readable_N 0.00 GB kept, pooled_NW 0.00 GB kept, patches_NPV 0.00 GB kept\n",
        f"mentions-{data}-train: 6 rows; fault 0.00 GB kept, pooled 0.00 GB kept\n",
        f"1 of {VAL} annotations was left out: 1 missing-picture; ",
    ):
        assert line in told
    assert ("mask_oven_entity_train.json holds 6 annotations; the release page says" in told) == (data == MASKOVEN)


@pytest.mark.parametrize("data", [OVEN, MASKOVEN])
def test_sets_of_other_tasks_are_kept_apart(release: Path, small_model: WikiClip, data: DataName):
    found = {tasks: open_data(small_model, DataOptions(data=data, tasks=tasks)) for tasks in (*Tasks, *Tasks)}
    assert {tasks: len(one) for tasks, one in found.items()} == {
        "entity": TRAIN // 2,
        "query": TRAIN // 2,
        "both": TRAIN,
    }
    assert len({one.annotations.folder for one in found.values()}) == 3
    assert len({one.features.folder for one in found.values()}) == 3
    for task in TASKS:
        of_both = found[Tasks.BOTH].queries("train", task)
        alone = found[Tasks(task)].queries("train")
        assert alone.data_ids == of_both.data_ids
        assert torch.allclose(alone.pooled_QW, of_both.pooled_QW, atol=1e-5)


def test_one_task_needs_no_file_of_the_other(release: Path, small_model: WikiClip):
    (release / "oven_query_train.jsonl").unlink()
    assert len(open_data(small_model, DataOptions(data=OVEN, tasks=Tasks.ENTITY))) == TRAIN // 2


@pytest.mark.parametrize("part", [Part.VAL, Part.TEST, Part.HUMAN])
def test_what_is_to_be_measured_on_is_not_trained_on(release: Path, small_model: WikiClip, part: Part):
    with pytest.raises(WikiClipError, match=f"^--part {part} is there to measure on"):
        open_data(small_model, DataOptions(data=OVEN, part=part))


def test_what_is_missing_is_said_before_anything_is_read(
    release: Path, small_model: WikiClip, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.data.annotated.Records", lambda *given: pytest.fail("the records are read"))
    (release / "oven_query_train.jsonl").unlink()
    with pytest.raises(WikiClipError, match=r"^OVEN is not complete: oven_query_train\.jsonl"):
        open_data(small_model, DataOptions(data=OVEN))
    (release / "Wiki6M_ver_1_0.jsonl").unlink()
    with pytest.raises(WikiClipError, match=r"^OVEN's record file is not at"):
        open_data(small_model, DataOptions(data=MASKOVEN))


def train(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.train", "--preset", "tiny", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("data", [OVEN, MASKOVEN])
def test_the_command_trains_on_a_release(release: Path, tmp_path: Path, data: DataName):
    picture(release, 1).unlink()
    batch = ("--annotated", "4", "--own", "2", "--text-negatives", "2", "--synthesized", "2")
    ended = train("--data", data, "--steps", "3", *batch, "--cache-gb", "0.1", "--out", str(tmp_path / "run"))
    assert ended.returncode == 0, ended.stderr
    assert "1 of 12 annotations was left out: 1 missing-picture; " in ended.stderr
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 3
    WikiClip.load(tmp_path / "run/checkpoint")


@pytest.mark.slow
def test_the_command_follows_a_recipe_and_goes_on_from_its_checkpoint(release: Path, tmp_path: Path):
    recipe = tmp_path / "mine.toml"
    table = '[source]\ndata = "oven"\ntasks = "entity"\n[config]\nepochs = 1.5\nannotated = 4\nown = 2\n'
    recipe.write_text(f'preset = "tiny"\n{table}text_negatives = 2\n')
    ended = train("--config", str(recipe), "--no-report")
    assert ended.returncode == 0, ended.stderr
    assert "1.5 epochs of 6 mentions are 3 steps." in ended.stderr
    run = tmp_path / "runs" / "mine"
    settled = json.loads((run / "run.json").read_text())
    assert (settled["config"]["epochs"], settled["config"]["steps"], settled["data"]["tasks"]) == (1.5, 3, "entity")
    metrics = (run / "metrics.jsonl").read_text()
    assert len(metrics.splitlines()) == 3
    assert float(json.loads(metrics.splitlines()[-1])["learning_rate"]) < 1e-5, "the schedule ends with the last step"
    assert train("--config", str(recipe), "--no-report").returncode == 0
    assert (run / "metrics.jsonl").read_text() == metrics, "a finished run is not run again"
    onward = train("--config", str(recipe), "--from", str(run / "checkpoint"), "--steps", "2", "--out",
                   str(tmp_path / "onward"), "--no-report")  # fmt: skip
    assert onward.returncode == 0, onward.stderr
    assert len((tmp_path / "onward/metrics.jsonl").read_text().splitlines()) == 2
    again = train("--config", str(run / "run.json"), "--data", "oven", "--tasks", "entity", "--no-report")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "runs/tiny-oven/run.json").read_text()) == settled


@pytest.mark.slow
def test_the_command_says_in_one_line_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    ended = train("--data", "oven", "--steps", "3")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Error: OVEN is not complete: oven_entity_train.jsonl or ")
    assert "Traceback" not in ended.stderr
