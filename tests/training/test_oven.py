"""From a release's files to a report, with a small tower out of the stand-in hub's files."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner, Result

from benchmarks.hub.repositories import write_repositories
from indexer.kb.oven import Oven
from indexer.kb.record import BadRecord
from indexer.linker import Linker
from indexer.reranking import Reranker
from indexer.version import read_version
from tests.training.data.small_release import draw, picture, rows, write_annotations
from training import oven
from training.data.annotation import Annotation, read_mention
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from training.data.releases.sample import sample_release
from training.measure.releases.annotated_answers import with_questions
from training.measure.releases.predictions import read_predictions
from wikiclip import make
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

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
        found = sample_release([annotated], Oven(large / "Wiki6M_ver_1_0.jsonl"), tmp_path / name, **options)
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
    others = {"ids": right_ids(large), "names": names(large), "nobody": []}
    for name, answers in others.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in answers))
    options += tuple(part for name in ("ids", "names") for part in ("--system", f"{name}={tmp_path / name}"))
    done = call(*options)
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    asked = QUESTIONS if sample is None else sample
    clip = "MobileCLIP2-S0-OpenCLIP"
    methods = {
        "OVEN val": {f"{clip}, none", f"{clip}, text", "ids", "names"},
        "MaskOVEN val": {f"{clip}, {prompt}" for prompt in ("none", "text", "box", "mask")} | {"ids", "names"},
    }
    for data, expected in methods.items():
        rows = [row for row in report["rows"] if row["data"] == data]
        assert {row["method"] for row in rows} == expected
        for method in expected:
            assert sum(row["n"] for row in rows if row["method"] == method) == asked
            score = report["scores"][f"{data}: {method}"]
            assert score["entity"]["asked"] + score["query"]["asked"] == asked
            (file,) = (tmp_path / "out" / "predictions").glob(
                f"{data} {method}.jsonl".replace(", ", "-").replace(" ", "-")
            )
            answered = read_predictions(file)
            assert len(answered) == asked - score["entity"]["missing"] - score["query"]["missing"]
        assert report["scores"][f"{data}: ids"]["final"] == 100
        assert {k for row in rows if row["method"] == "ids" for k in row if k[0] == "r" and k[1:].isdigit()} == {"r1"}
    assert report["scores"]["OVEN val: names"]["entity"]["seen"] == 100
    assert (report["entities"] == ENTITIES) == (sample is None)
    assert any(note.startswith("A sample") for note in report["notes"]) == (sample is not None)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "heron" in html
    assert "published scorer" in html

    (tmp_path / "out" / "report.json").unlink()
    again = call(*options)  # as after a kill before the end: nothing is embedded again
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["rows"] == report["rows"]


def right_ids(folder: Path) -> list[dict[str, str]]:
    """The right answers to all that the part val asks."""
    asked = [row for task in ("entity", "query") for row in annotated(folder, task)]
    return [{"data_id": row["data_id"], "pred_entity_id": row["entity_id"]} for row in asked]


def names(folder: Path) -> list[dict[str, str]]:
    """Names of the right entities, for the task entity alone."""
    titles = {row["wikidata_id"]: row["wikipedia_title"] for row in lines(folder / "Wiki6M_ver_1_0.jsonl")}
    return [{"data_id": row["data_id"], "prediction": titles[row["entity_id"]]} for row in annotated(folder, "entity")]


def annotated(folder: Path, task: str) -> list[dict[str, str]]:
    return lines(folder / f"oven_{task}_val.jsonl")


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_question_moves_a_mention_towards_its_words(checkpoint: Path) -> None:
    model = WikiClip.load(checkpoint)
    mentions = F.normalize(torch.randn(3, model.mention_width, generator=torch.Generator().manual_seed(0)), dim=-1)
    asked = ["what bird is this?", None, "which boat is it?"]
    words = model.text([text or "" for text in asked]).sentence_BT
    found = with_questions(model, mentions, asked, 0.5)
    assert torch.allclose(found[1], mentions[1])
    for n in (0, 2):
        assert torch.allclose(found[n], F.normalize(mentions[n] + 0.5 * words[n], dim=0), atol=1e-5)
    with pytest.raises(WikiClipError, match="compares no texts"):
        with_questions(WikiClip.load("tiny"), mentions, asked, 0.5)


def test_the_labels_of_test_are_where_the_release_has_them(large: Path) -> None:
    (large / "test_data").mkdir()
    for task in ("entity", "query"):
        found = [row | {"data_split": row["data_split"].replace("val", "test")} for row in annotated(large, task)]
        withheld = [{key: value for key, value in row.items() if key != "entity_id"} for row in found]
        for folder, written in ((large / "test_data", found), (large, withheld)):
            path = folder / f"oven_{task}_test.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in written))
    assert all(isinstance(one, Annotation) for one in OvenAnnotations(large, part=Part.TEST, images=large))
    (large / "test_data" / "oven_entity_test.jsonl").unlink()
    withheld_too = [one for one in OvenAnnotations(large, part=Part.TEST, images=large) if isinstance(one, BadRecord)]
    assert len(withheld_too) == QUESTIONS // 2


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("answers", "NAME=FILE"),
        ("other=nowhere", "no file nowhere"),
        ("other={empty}", "answers none of the questions"),
    ],
)
def test_a_system_s_file_that_cannot_stand_in_the_table_is_one_line(
    system: str, said: str, large: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text(json.dumps({"data_id": "another", "pred_entity_id": "Q1"}) + "\n")
    options = ("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--sample", 12)
    refused = call(*options, "--system", system.format(empty=tmp_path / "empty"))
    assert isinstance(refused.exception, WikiClipError), refused.output
    assert said in str(refused.exception)


@pytest.mark.slow
def test_a_model_that_embeds_picture_and_description_together_is_measured_as_any_other(
    large: Path, embedding: Path, tmp_path: Path
) -> None:
    done = call("--data", large, "--model", embedding, "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert sum(row["n"] for row in report["rows"] if row["data"] == "OVEN val") == QUESTIONS
    assert {row["method"] for row in report["rows"] if row["data"] == "MaskOVEN val"} == {
        f"Qwen3-VL-Embedding-2B, {prompt}" for prompt in ("none", "box", "mask")
    }


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
    rows_of = {
        method: {(row["split"], row["task"]): row for row in report["rows"] if row["method"] == method}
        for method in {row["method"] for row in report["rows"] if row["data"] == "OVEN val"}
    }
    for method in rows_of.keys() - {name for name in rows_of if name.endswith("reranked")}:
        assert rows_of[method].keys() == rows_of[f"{method}, reranked"].keys()
    plain, reranked = (rows_of[f"MobileCLIP2-S0-OpenCLIP, none{ending}"] for ending in ("", ", reranked"))
    assert sum(row["n"] for row in reranked.values()) == QUESTIONS
    for key, row in reranked.items():
        assert row["r10"] == plain[key]["r10"]  # what the first six hold stays among the first ten
    assert any(row[f"r{k}"] != plain[key][f"r{k}"] for key, row in reranked.items() for k in (1, 5))
    right = sum(round(row["r1"] * row["n"] / 100) for row in reranked.values())
    assert right == _firsts_that_are_right(large, checkpoint, tmp_path / "out" / "index", name)
    assert any(note.startswith("Reranked: the first 6") for note in report["notes"])

    before = {path: path.stat().st_mtime_ns for path in (large.parent / "features").glob("orders-*/order_QK.values")}
    assert before
    assert call(*options).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing was scored again


def test_what_is_missing_is_one_line(large: Path, checkpoint: Path, tmp_path: Path) -> None:
    refused = call("--data", large, "--model", "tiny", "--out", tmp_path / "out")
    assert "--any-model" in str(refused.exception)
    refused = call("--data", large, "--model", "tiny", "--out", tmp_path / "out", "--any-model", "--prompt", "text")
    assert "compares no texts" in str(refused.exception)
    for masks in large.glob("mask_oven_*_val.json"):
        masks.unlink()
    refused = call("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--prompt", "mask")
    assert isinstance(refused.exception, WikiClipError)
    assert "needs the masks" in str(refused.exception)
    (large / "oven_query_val.jsonl").unlink()
    refused = call("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--sample", 3)
    assert isinstance(refused.exception, WikiClipError)
    assert "oven_query_val.jsonl" in str(refused.exception)
    refused = call("--data", tmp_path / "nowhere", "--model", checkpoint)
    assert isinstance(refused.exception, WikiClipError)
    assert "fetch the records" in str(refused.exception)


def test_another_kind_of_index_is_taken_by_name(large: Path, checkpoint: Path, tmp_path: Path) -> None:
    done = call("--data", large, "--model", checkpoint, "--out", tmp_path / "out", "--index", "balanced")
    assert done.exit_code == 0, (done.output, done.exception)
    assert read_version(tmp_path / "out" / "index").manifest.kind == "balanced-sq8"
