"""`training.evaluate` on InfoSeek and Encyclopedic-VQA at a small size, against a slow search and an obvious count."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.build import build
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.record import BadRecord, Entity, KnowledgeBase, describe
from tests.training.data.small_release import TRAIN, VAL, draw, picture
from training.data.annotation import Annotation, read_mention
from training.data.releases.encyclopedic_vqa import COLUMNS, EncyclopedicVqaAnnotations
from training.data.releases.infoseek import InfoSeekAnnotations
from training.data.releases.release import Part
from training.evaluate import app
from training.measure.releases.recall import RECALLS
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture

WIKI = "https://en.wikipedia.org/wiki/"
RECORDS = 45
NEAR = 1e-3
WORDS = ("heron", "white", "wades", "shallow", "water", "bird", "grey", "long", "neck", "river", "night", "fish")


def text(n: int) -> str:
    """Words that are no other record's."""
    chosen = np.random.default_rng(n).choice(WORDS, 1 + n % 9)
    return " ".join(chosen)


@pytest.fixture
def checkpoint(small_model: WikiClip, tmp_path: Path) -> Path:
    small_model.save(tmp_path / "checkpoint", made_by={})
    return tmp_path / "checkpoint"


@pytest.fixture
def infoseek(release: Path) -> Path:
    """The folder of the release: VAL questions of as many entities, two of which the records below do not have."""
    questions = [
        {
            "data_id": f"infoseek_val_{n:08}",
            "image_id": f"oven_{TRAIN + n:08}",
            "question": "how tall is it?",
            "data_split": "val_unseen_question" if n < VAL // 2 else "val_unseen_entity",
        }
        for n in range(VAL)
    ]
    entities = [f"Q{n + 1}" if n not in (1, 6) else f"Q9000{n}" for n in range(VAL)]
    labels = [
        {"data_id": row["data_id"], "entity_id": entity_id, "entity_text": "heron"}
        for row, entity_id in zip(questions, entities, strict=True)
    ]
    for name, rows in (("infoseek_val.jsonl", questions), ("infoseek_val_withkb.jsonl", labels)):
        (release / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return release


def evaluate(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.output


Ranks = dict[str, list[tuple[float, float]]]


def slow_ranks(checkpoint: Path, kb: KnowledgeBase, annotations: Iterable[Annotation | BadRecord]) -> Ranks:
    """The rank of each question's entity by its split, by comparing with every record one after the other.

    It is given by its bounds: half precision in the index may turn near ties around.
    """
    model = WikiClip.load(checkpoint)
    entities = [record for record in kb.records() if isinstance(record, Entity)]
    pictures = [read_picture(kb.image_root / e.images[0]) if kb.image_root and e.images else None for e in entities]
    prepared = [model.prepare_entity(describe(e), p) for e, p in zip(entities, pictures, strict=True)]
    vectors = np.concatenate([model.encode_entities([entity]) for entity in prepared])
    ids = [entity.entity_id for entity in entities]
    ranks: Ranks = {"seen": [], "unseen": []}
    for one in annotations:
        if not isinstance(one, Annotation) or one.entity_id not in ids:
            continue
        bounds = float("inf"), float("inf")
        if one.picture.exists():
            scores = vectors @ model.encode_mentions([model.prepare_mention(*read_mention(one))])[0]
            own = scores[ids.index(one.entity_id)]
            bounds = float((scores > own + NEAR).sum()), float((scores > own - NEAR).sum() - 1)
        ranks[one.split].append(bounds)
    return ranks


def expect_figures(rows: list[dict[str, Any]], ranks: Ranks) -> None:
    assert [row["split"] for row in rows] == ["seen", "unseen", "harmonic mean", "all"]
    seen, unseen, mean, every = rows
    for row, of_row in ((seen, ranks["seen"]), (unseen, ranks["unseen"]), (every, ranks["seen"] + ranks["unseen"])):
        assert row["n"] == len(of_row)
        least, most = ([sum(bound[n] < k for bound in of_row) for k in RECALLS] for n in (1, 0))
        assert sum(most) - sum(least) <= 3, "nearly all ranks are clear"
        for k, low, high in zip(RECALLS, least, most, strict=True):
            assert low <= round(row["n"] * row[f"r{k}"] / 100, 2) <= high
    for k in RECALLS:
        both = seen[f"r{k}"], unseen[f"r{k}"]
        assert mean[f"r{k}"] == pytest.approx(2 * both[0] * both[1] / (sum(both) or 1), abs=0.02)


@pytest.mark.slow
def test_infoseek_is_asked_of_a_knowledge_base_of_any_size(infoseek: Path, checkpoint: Path, tmp_path: Path):
    """Records of OVEN's form in a file of their own, far fewer than six million."""
    records = tmp_path / "few.jsonl"
    rows = [
        {"wikidata_id": f"Q{n}", "wikipedia_title": f"{n}", "wikipedia_summary": text(n)} for n in range(1, RECORDS + 1)
    ]
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    picture(infoseek, TRAIN).unlink()
    build(KnowledgeBaseName.OVEN, records=records, model=str(checkpoint), out=tmp_path / "index")
    options = ("--checkpoint", checkpoint, "--index", tmp_path / "index", "--records", records)
    output = evaluate("--data", "infoseek", *options, "--json", tmp_path / "rows.json")
    ranks = slow_ranks(checkpoint, open_kb(KnowledgeBaseName.OVEN, records=records), InfoSeekAnnotations(part=Part.VAL))
    assert sum(map(len, ranks.values())) == VAL - 2
    expect_figures(json.loads((tmp_path / "rows.json").read_text()), ranks)
    assert "k = 20" in output
    assert "harmonic mean" in output
    assert f"2 of {VAL} annotations were left out: 2 unknown-entity; " in output
    assert f"1 of {VAL - 2} annotations was left out: 1 missing-picture; " in output
    assert "not in the index" not in output


@pytest.mark.slow
def test_records_may_be_one_s_own_and_an_index_of_others_is_said(infoseek: Path, checkpoint: Path, tmp_path: Path):
    def records(name: str, first: int) -> Path:
        rows = [{"entity_id": f"Q{n}", "title": f"{n}", "text": text(n)} for n in range(first, RECORDS)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    own, others = records("own.jsonl", 1), records("others.jsonl", 5)
    build(KnowledgeBaseName.JSONL, records=own, model=str(checkpoint), out=tmp_path / "index")
    build(KnowledgeBaseName.JSONL, records=others, model=str(checkpoint), out=tmp_path / "others")
    options = ("infoseek", "--checkpoint", checkpoint, "--kb", "jsonl", "--records", own, "--json", tmp_path / "rows")
    assert "not in the index" not in evaluate(*options, "--index", tmp_path / "index")
    ranks = slow_ranks(checkpoint, open_kb(KnowledgeBaseName.JSONL, records=own), InfoSeekAnnotations(part=Part.VAL))
    expect_figures(json.loads((tmp_path / "rows").read_text()), ranks)
    output = evaluate(*options, "--index", tmp_path / "others")
    assert "3 of 6 entities asked about are not in the index" in output


@pytest.mark.slow
def test_encyclopedic_vqa_is_asked_of_its_own_knowledge_base(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    home = tmp_path / "encyclopedic-vqa"
    articles = {
        f"{WIKI}Heron_{n}": {"title": f"Heron {n}", "section_texts": [text(n)], "image_urls": [f"{WIKI}a/{n}.jpg"]}
        for n in range(RECORDS)
    }
    for n in range(6):
        draw(home / f"wikipedia_images/a/{n}.jpg", n)
        draw(home / f"inaturalist/val/{n}.jpg", 50 + n)
        draw(home / f"landmarks/0/0/{n}/00{n}.jpg", 70 + n)
    (home / "encyclopedic_kb_wiki.json").write_text(json.dumps(articles))
    images = [{"id": n, "file_name": f"val/{n}.jpg"} for n in range(6)]
    (home / "inaturalist/val.json").write_text(json.dumps({"images": images}))
    with (home / "test.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for n in range(12):
            url = WIKI + ("Stork" if n == 7 else f"heron%20{n}")
            table.writerow({
                "question": "how, when\nand where?",
                "dataset_image_ids": f"{n}|5" if n < 6 else f"00{n - 6}",
                "dataset_name": "inaturalist" if n < 6 else "landmarks",
                "question_type": "2_hop" if n == 11 else "automatic",
                "wikipedia_title": "gone",
                "wikipedia_url": f"{url}|{url}" if n == 11 else url,
                "encyclopedic_vqa_split": "test",
                "wikipedia_url_used_in_train": str(n % 2 == 0),
            })  # fmt: skip
    build(KnowledgeBaseName.ENCYCLOPEDIC_VQA, model=str(checkpoint), out=tmp_path / "index")
    options = ("--checkpoint", checkpoint, "--index", tmp_path / "index", "--part", "test")
    output = evaluate("--data", "encyclopedic-vqa", *options, "--json", tmp_path / "rows.json")
    kb = open_kb(KnowledgeBaseName.ENCYCLOPEDIC_VQA)
    ranks = slow_ranks(checkpoint, kb, EncyclopedicVqaAnnotations(part=Part.TEST, kb=kb))
    assert {split: len(found) for split, found in ranks.items()} == {"seen": 6, "unseen": 4}
    expect_figures(json.loads((tmp_path / "rows.json").read_text()), ranks)
    assert "1 of 11 annotations was left out: 1 unknown-entity; " in output
    assert "Not asked, because each names two articles: 1 of the type 2_hop." in output
