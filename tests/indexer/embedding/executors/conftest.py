"""The command as processes run it, on a knowledge base of some hundred records that has every fault."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.building.choice import Choice
from indexer.building.job import Job
from indexer.embedding.executors.local import Local
from indexer.embedding.plan import make_plan
from indexer.kb.jsonl import JsonLines
from indexer.records.tag_filter import TagFilter
from indexer.search import EntityIndex
from wikiclip.model import WikiClip

# The command itself, with chunks so small that a small knowledge base has many.
COMMAND = """
import functools, sys
import torch
from indexer import build
from wikiclip.base.command import run
torch.set_num_threads(1)
build.make_plan = functools.partial(build.make_plan, chunk_records=16)
sys.argv[0] = "indexer.build"
run(build.app)
"""
CHUNKS, ENTITIES, PROBLEMS = 20, 318, 3
TAGGED = {"marsh": 5, "wader": 7}  # which records have a tag: those of every fifth number, or seventh
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """320 lines: texts of many lengths, some pictures, one of them cut off, a line that is none, an id given twice."""
    folder = tmp_path_factory.mktemp("herons")
    for number in range(6):
        Image.new("RGB", (48, 36), (40 * number, 90, 200)).save(folder / f"{number}.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    lines = [
        json.dumps(
            {
                "entity_id": f"Q{n}",
                "title": f"heron {n}",
                "text": " ".join(["feather"] * (n * 37 % 120)),
                "images": [f"{n % 6}.png"] if n % 25 == 0 else [],
                "tags": [tag for tag, every in TAGGED.items() if n % every == 0],
                "aliases": [f"Reiher {n}"] if n % 10 == 3 else [],
            }
        )
        for n in range(320)
    ]
    lines[130] = "{broken"
    lines[200] = lines[7]
    lines[210] = json.dumps({"entity_id": "Q210", "title": "egret", "text": "White.", "images": ["cut.png"]})
    (folder / "herons.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "herons.jsonl"


def expect_tags_and_words(made: EntityIndex, alone: EntityIndex) -> None:
    """What was made by several finds by tags and words what one process's finds."""
    numbers = {*range(320)} - {130, 200, 210}
    for wanted, passes in {
        TagFilter.of(any=["marsh", "wader"]): lambda n: n % 5 == 0 or n % 7 == 0,
        TagFilter.of(all=["marsh", "wader"]): lambda n: n % 35 == 0,
        TagFilter.of(any=["marsh"], none=["wader"]): lambda n: n % 5 == 0 and n % 7,
    }.items():
        expected = {f"Q{n}" for n in numbers if passes(n)}
        (found,) = made.search(made.vector("Q3")[None].astype(np.float32), 400, tags=wanted)
        assert {one.entity.entity_id for one in found} == expected
        assert made.count_titled("heron", tags=wanted) == len(expected)
    named = made.entities_holding("reih", 100).found
    assert {each.entity.entity_id for each in named} == {f"Q{n}" for n in numbers if n % 10 == 3}
    for question in ("heron", "egret white", "feather", "reiher 3"):
        assert made.entities_holding(question, 400) == alone.entities_holding(question, 400)
    assert made.tags.listed(10) == alone.tags.listed(10)


@pytest.fixture
def start(records: Path, checkpoint: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a build into a folder; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(home: Path, *options: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        named = ("--kb", "jsonl", "--records", str(records), "--model", str(checkpoint), "--out", str(home))
        one = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *named, *options],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(one)
        return one

    yield start
    for one in running:
        one.kill()
        one.communicate()


@pytest.fixture(scope="session")
def local(records: Path, model: WikiClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of what one process built alone."""
    home, source = tmp_path_factory.mktemp("local"), JsonLines(records)
    job = Job(source=source, choice=Choice("auto", 2**30), home=home, strict=False, force=False, model=model)
    job.finish(make_plan(source, model, chunk_records=16), Local(model, "cpu"))
    return home
