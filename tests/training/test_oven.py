"""From a release's files to a report, with a small tower out of the stand-in hub's files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.hub.repositories import write_repositories
from indexer.kb.oven import Oven
from indexer.linker import Linker
from indexer.reranking import Reranker
from tests.training.data.small_release import draw, picture, rows, write_annotations
from training import oven
from training.data.annotation import Annotation, read_mention
from training.data.oven import OvenAnnotations
from training.data.release import Part
from training.data.sample import sample_release
from wikiclip import make
from wikiclip.base.errors import WikiClipError

ENTITIES, QUESTIONS = 40, 24


@pytest.fixture
def large(release: Path) -> Path:
    """The small release with more records and more questions to measure on, and a record that is given twice."""
    records = release / "Wiki6M_ver_1_0.jsonl"
    with records.open("a") as file:
        for n in range(7, ENTITIES + 1):
            file.write(json.dumps({"wikidata_id": f"Q{n}", "wikipedia_title": f"egret {n}"}) + "\n")
        file.write(records.read_text().splitlines()[0] + "\n")
    for task in ("entity", "query"):
        write_annotations(release, "val", task, rows("val", task, QUESTIONS // 2))
    for n in range(12, 12 + QUESTIONS):
        draw(picture(release, n), n)
    return release


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_repositories(root)
    folder = root / "timm" / "MobileCLIP2-S0-OpenCLIP"
    made = CliRunner().invoke(make.app, ["--weights", f"local-dir:{folder}", "--out", str(root / "clip")])
    assert made.exit_code == 0, made.output
    return root / "clip"


@pytest.fixture(scope="module")
def embedding(checkpoint: Path) -> Path:
    """A checkpoint of a model that embeds picture and description together."""
    hub = checkpoint.parent
    options = ["--weights", f"local-dir:{hub}/Qwen/Qwen3-VL-Embedding-2B", "--out", str(hub / "embedding")]
    made = CliRunner().invoke(make.app, ["--entity-encoder", "embedding", *options])
    assert made.exit_code == 0, made.output
    return hub / "embedding"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(oven.app, [*map(str, arguments)])


def test_a_sample_is_some_of_each_task_and_split_and_the_same_each_time(large: Path, tmp_path: Path) -> None:
    def sampled(name: str, **options: int) -> tuple[list[Annotation], set[str]]:
        annotated = OvenAnnotations(large, part=Part.VAL, images=large)
        found = sample_release(annotated, Oven(large / "Wiki6M_ver_1_0.jsonl"), tmp_path / name, **options)
        cut = OvenAnnotations(tmp_path / name, part=Part.VAL, images=large)
        asked = [each for each in cut if isinstance(each, Annotation)]
        kept = {record.entity_id for record in Oven(tmp_path / name / "Wiki6M_ver_1_0.jsonl").records()}
        assert (found.questions, found.asked + found.others) == (len(asked), len(kept))
        assert {each.entity_id for each in asked} <= kept
        return asked, kept

    asked, kept = sampled("first", questions=8)
    strata = [(each.task, each.split) for each in asked]
    assert {stratum: strata.count(stratum) for stratum in strata} == dict.fromkeys(
        [(task, split) for task in ("entity", "query") for split in ("seen", "unseen")], 2
    )
    assert len(kept) == len({each.entity_id for each in asked}) + 8
    assert sampled("again", questions=8) == (asked, kept)
    assert sampled("other", questions=8, seed=1) != (asked, kept)
    assert len(sampled("all", questions=1000)[0]) == QUESTIONS
    before = (tmp_path / "first" / "sample.json").stat().st_ino
    sampled("first", questions=8)
    assert (tmp_path / "first" / "sample.json").stat().st_ino == before


@pytest.mark.parametrize("sample", [None, 12])
def test_a_release_ends_in_a_report(large: Path, checkpoint: Path, tmp_path: Path, sample: int | None) -> None:
    options = ("--data", large, "--model", checkpoint, "--out", tmp_path / "out")
    options += () if sample is None else ("--sample", sample)
    done = call(*options)
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    asked = QUESTIONS if sample is None else sample
    assert sum(row["n"] for row in report["rows"]) == asked
    assert sum(split["asked"] for task in ("entity", "query") for split in report["score"][task].values()) == asked
    assert (report["entities"] == ENTITIES) == (sample is None)
    assert bool(report["notes"][0].startswith("A sample")) == (sample is not None)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "heron" in html
    predictions = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    assert len(predictions) == asked

    (tmp_path / "out" / "report.json").unlink()
    again = call(*options)  # as after a kill before the end: nothing is embedded again
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["rows"] == report["rows"]


@pytest.mark.slow
def test_a_model_that_embeds_picture_and_description_together_is_measured_as_any_other(
    large: Path, embedding: Path, tmp_path: Path
) -> None:
    done = call("--data", large, "--model", embedding, "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert sum(row["n"] for row in report["rows"]) == QUESTIONS


def _firsts_that_are_right(release: Path, checkpoint: Path, index: Path, reranker: str) -> int:
    """How many questions' first candidates are right, asked and ordered anew one by one."""
    linker, reranked = Linker.open(checkpoint, index), Reranker.open(reranker, k=6)
    right = 0
    for annotation in OvenAnnotations(release, part=Part.VAL, images=release):
        assert isinstance(annotation, Annotation)
        mention = linker.model.prepare_mention(*read_mention(annotation))
        (candidates,) = linker.index.search(linker.model.encode_mentions([mention]), 6)
        first = reranked.reranked(linker.model, linker.index, mention, candidates)[0]
        right += first.entity.entity_id == annotation.entity_id
    return right


@pytest.mark.slow
def test_a_cross_encoder_s_answers_stand_beside_those_of_the_search(
    large: Path, checkpoint: Path, tmp_path: Path
) -> None:
    name = f"local-dir:{checkpoint.parent}/Qwen/Qwen3-VL-Reranker-2B"
    options = ("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--rerank", name, "--rerank-k", 6)
    done = call(*options)
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    plain, reranked = (
        {(row["split"], row["task"]): row for row in report["rows"] if row["method"] == method}
        for method in ("model", "reranked")
    )
    assert plain.keys() == reranked.keys()
    assert sum(row["n"] for row in reranked.values()) == QUESTIONS
    for key, row in reranked.items():
        assert row["r10"] == plain[key]["r10"]  # what the first six hold stays among the first ten
    assert any(row[f"r{k}"] != plain[key][f"r{k}"] for key, row in reranked.items() for k in (1, 5))
    right = sum(round(row["r1"] * row["n"] / 100) for row in reranked.values())
    assert right == _firsts_that_are_right(large, checkpoint, tmp_path / "out" / "index", name)
    assert report["reranker"]["k"] == 6
    assert "reranked_score" in report

    before = {path: path.stat().st_mtime_ns for path in (large.parent / "features").glob("orders-*/order_QK.values")}
    assert before
    assert call(*options).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing was scored again


def test_what_is_missing_is_one_line(large: Path, checkpoint: Path, tmp_path: Path) -> None:
    (large / "oven_query_val.jsonl").unlink()
    refused = call("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--sample", 3)
    assert isinstance(refused.exception, WikiClipError)
    assert "oven_query_val.jsonl" in str(refused.exception)
    refused = call("--data", tmp_path / "nowhere", "--model", checkpoint)
    assert isinstance(refused.exception, WikiClipError)
    assert "fetch the records" in str(refused.exception)
    refused = call("--data", large, "--model", "tiny", "--out", tmp_path / "out")
    assert "--any-model" in str(refused.exception)
