"""`training.evaluate` on a small release: an index that was built, the search that is served, a slow one beside it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.build import build
from indexer.building.choice import Backend
from indexer.kb import KnowledgeBaseName
from indexer.kb.oven import Oven
from indexer.kb.record import Entity, describe
from tests.training.data.small_release import TRAIN, VAL, picture
from training.data.annotation import Annotation, read_mention
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from training.data.scenes.dataset import ScenesData
from training.evaluate import app, with_subcommand
from training.measure.releases.predictions import read_predictions
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture

ASKED = {"infoseek", "encyclopedic-vqa"}
RELEASES = {"oven", "maskoven", *ASKED}
OPTIONS = {
    "recipe": {"--runs", "--against", "--json", "--steps"},
    "scenes": {"--checkpoint", "--against", "--json"},
    "oven": {"--checkpoint", "--against", "--json", "--index", "--predictions", "--help"},
    "maskoven": {"--checkpoint", "--against", "--json", "--index", "--predictions", "--help"},
    "infoseek": {"--checkpoint", "--against", "--json", "--index", "--predictions", "--help", "--kb"},
    "encyclopedic-vqa": {"--checkpoint", "--against", "--json", "--index", "--predictions", "--help", "--kb"},
}


@pytest.fixture(params=["faiss", "milvus"])
def trained(request, milvus, release: Path, small_model: WikiClip, tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint, and its index of a knowledge base that is large enough to leave some entities unranked."""
    with (release / "Wiki6M_ver_1_0.jsonl").open("a") as file:
        for n in range(7, 130):
            file.write(json.dumps({"wikidata_id": f"Q{n}", "wikipedia_title": f"white egret {n}"}) + "\n")
    checkpoint, index = tmp_path / "checkpoint", tmp_path / "index"
    small_model.save(checkpoint, made_by={})
    build(KnowledgeBaseName.OVEN, model=str(checkpoint), out=index, backend=Backend(request.param))
    return checkpoint, index


def evaluate(*arguments: object) -> str:
    return call("--data", "oven", *arguments)


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.output


def slow_ranks(checkpoint: Path) -> dict[str, int]:
    """data_id -> rank of its entity, by comparing with every record one after the other."""
    model, kb = WikiClip.load(checkpoint), Oven()
    assert kb.image_root is not None
    entities = [record for record in kb.records() if isinstance(record, Entity)]
    pictures = [read_picture(kb.image_root / e.images[0]) if e.images else None for e in entities]
    prepared = [model.prepare_entity(describe(e), p) for e, p in zip(entities, pictures, strict=True)]
    vectors = np.concatenate([model.encode_entities([entity]) for entity in prepared])
    ranks = {}
    for one in OvenAnnotations(part=Part.VAL):
        assert isinstance(one, Annotation)
        scores = vectors @ model.encode_mentions([model.prepare_mention(*read_mention(one))])[0]
        own = scores[[e.entity_id for e in entities].index(one.entity_id)]
        ranks[one.data_id] = int((scores > own + 1e-3).sum())
    return ranks


@pytest.mark.slow
def test_every_mention_is_asked_and_ranked_as_by_a_slow_search(trained: tuple[Path, Path], tmp_path: Path):
    checkpoint, index = trained
    output = evaluate(
        *("--checkpoint", checkpoint, "--index", index, "--against", checkpoint, "--against-index", index),
        *("--json", tmp_path / "rows.json", "--predictions", tmp_path / "predictions.jsonl"),
    )
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert sorted((row["task"], row["split"], row["n"]) for row in rows) == sorted(
        (task, split, VAL // 4) for task in ("entity", "query") for split in ("seen", "unseen")
    )
    ranks = slow_ranks(checkpoint)
    for k in (1, 10, 100):
        asked = sum(row["n"] * row[f"r{k}"] / 100 for row in rows)
        # Half precision in the index may turn one near tie around.
        assert abs(asked - sum(rank < k for rank in ranks.values())) <= 1
    predicted = read_predictions(tmp_path / "predictions.jsonl")
    assert predicted.keys() == ranks.keys()
    assert "final" in output
    assert output.count("[+0.0, +0.0]") == 4 * 3, "a checkpoint is no better than itself"


@pytest.mark.slow
def test_a_mention_that_cannot_be_read_has_no_prediction_and_is_wrong(
    trained: tuple[Path, Path], tmp_path: Path, release
):
    checkpoint, index = trained
    picture(release, TRAIN).unlink()
    evaluate(
        "--checkpoint", checkpoint, "--index", index, "--predictions", tmp_path / "p.jsonl", "--json", tmp_path / "r"
    )
    assert len(read_predictions(tmp_path / "p.jsonl")) == VAL - 1
    assert sum(row["n"] for row in json.loads((tmp_path / "r").read_text())) == VAL


@pytest.mark.slow
def test_what_is_missing_is_named(trained: tuple[Path, Path], small_model: WikiClip, tmp_path: Path):
    checkpoint, index = trained
    with pytest.raises(WikiClipError, match="--checkpoint"):
        evaluate("--index", index)
    with pytest.raises(WikiClipError, match="index"):
        evaluate("--checkpoint", checkpoint, "--index", tmp_path / "none")
    with pytest.raises(WikiClipError, match="--part"):
        evaluate("--checkpoint", checkpoint, "--index", index, "--part", "train")


@pytest.mark.parametrize(
    "options",
    [
        ("--fold", "1"),
        ("--index", "x"),
        ("--predictions", "x"),
        ("--checkpoint", "x", "--runs", "x"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(options: tuple[str, ...]):
    with pytest.raises(WikiClipError, match="does not apply"):
        evaluate("--data", "scenes", *options)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", "recipe"),
        ("--data scenes", "recipe"),
        ("--data scenes --json f --against d --runs r --steps 3", "recipe --json f --against d --runs r --steps 3"),
        ("--json=f --data=scenes", "recipe --json=f"),
        ("--checkpoint d --against e", "scenes --checkpoint d --against e"),
        ("--against e --data scenes --checkpoint=d", "scenes --against e --checkpoint=d"),
        ("--data oven --checkpoint d --index i --predictions p", "oven --checkpoint d --index i --predictions p"),
        ("--checkpoint d --data maskoven", "maskoven --checkpoint d"),
        ("--data maskoven --help", "maskoven --help"),
        ("--data infoseek --checkpoint d --kb jsonl", "infoseek --checkpoint d --kb jsonl"),
        ("--checkpoint d --data=encyclopedic-vqa", "encyclopedic-vqa --checkpoint d"),
    ],
)
def test_options_choose_the_subcommand(given: str, meant: str):
    assert with_subcommand(given.split(), OPTIONS) == meant.split()


def test_a_data_set_that_there_is_not_is_refused():
    result = CliRunner().invoke(app, ["--data", "coco"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "'coco' is not one of scenes, oven, maskoven" in result.output


@pytest.mark.slow
def test_a_subcommand_is_the_same_as_its_options(trained: tuple[Path, Path], tmp_path: Path):
    checkpoint, index = trained
    call("oven", "--checkpoint", checkpoint, "--index", index, "--json", tmp_path / "new.json")
    evaluate("--checkpoint", checkpoint, "--index", index, "--json", tmp_path / "old.json")
    assert (tmp_path / "new.json").read_text() == (tmp_path / "old.json").read_text()


def test_each_subcommand_lists_what_applies_to_it_and_no_more():
    listed = {name: call(name, "--help") for name in OPTIONS}
    for name, text in listed.items():
        assert all(option in text for option in OPTIONS[name])
    assert "--fold" not in "".join(listed.values())
    for option, owners in (
        ("--steps", {"recipe"}),
        ("--calibrate", {"recipe"}),
        ("--index", RELEASES),
        ("--kb", ASKED),
    ):
        assert {name for name, text in listed.items() if option in text} == owners
    assert all(name in call("--help") for name in (*OPTIONS, "--data", "--checkpoint"))


@pytest.mark.slow
def test_the_default_data_s_commands_print_and_write_their_tables(
    small_scenes: ScenesData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    checkpoint, runs = tmp_path / "checkpoint", tmp_path / "runs"
    quick = {"steps": 4, "annotated": 8, "own": 4, "text_negatives": 8}
    monkeypatch.setattr("training.evaluate.PRESETS", {"tiny": small_scenes.model.preset})
    monkeypatch.setattr(
        "training.evaluate.load_scenes",
        lambda model, *, cache_gb: dataclasses.replace(small_scenes, model=model),
    )
    small_scenes.model.save(checkpoint, made_by={"config": quick, "data": {"fold": 1}})
    options = [word for name, value in quick.items() for word in (f"--{name.replace('_', '-')}", value)]

    output = call(
        "--data",
        "scenes",
        *options,
        "--runs",
        runs,
        "--against",
        checkpoint,
        "--json",
        tmp_path / "recipe",
        "--reliability",
        tmp_path / "drawn.svg",
    )
    assert (tmp_path / "drawn.svg").read_text().count("outlined box") == 1
    rows = json.loads((tmp_path / "recipe").read_text())
    assert {row["method"] for row in rows} == {"model", "untrained", "full-image", "image", "text", "confidence"}
    assert f"This recipe minus that of {checkpoint}" in output.replace("\n", "")
    output = call("--checkpoint", checkpoint, "--against", checkpoint, "--json", tmp_path / "scenes")
    rows = json.loads((tmp_path / "scenes").read_text())
    assert {(row["method"], row["split"]) for row in rows} == {
        (method, split) for method in ("model", "full-image") for split in ("seen", "unseen")
    }
    assert "[+0.0, +0.0]" in output
