"""The command as processes run it, on a knowledge base of some hundred records that has every fault."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from indexer.building.choice import Choice
from indexer.building.job import Job
from indexer.embedding.executors.local import Local
from indexer.embedding.plan import make_plan
from indexer.kb.jsonl import JsonLines
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
            }
        )
        for n in range(320)
    ]
    lines[130] = "{broken"
    lines[200] = lines[7]
    lines[210] = json.dumps({"entity_id": "Q210", "title": "egret", "text": "White.", "images": ["cut.png"]})
    (folder / "herons.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "herons.jsonl"


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
