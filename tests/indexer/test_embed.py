import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.chunks import stored_chunk
from indexer.embed import describe, embed, encode, workers
from indexer.errors import BadRecordFound
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from indexer.plan import make_plan, open_workshop
from wikiclip.errors import WikiClipError
from wikiclip.images import read_picture
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS


def test_an_entity_is_described_by_title_and_text():
    assert describe(Entity(entity_id="Q", title="Heron", text="A bird.")) == "Heron: A bird."
    assert describe(Entity(entity_id="Q", title="Heron", text="")) == "Heron"


def test_every_picture_is_a_row_and_what_cannot_be_read_is_listed(birds: Path, model: WikiClip):
    kb, done = JsonLines(birds), []
    with workers() as pool:
        chunk = encode(list(kb.records()), kb.image_root, model, pool, done.append)

    assert [(entity.entity_id, entity.images) for entity in chunk.entities] == [
        ("plain", ()), ("one", ("red.png",)), ("three", ("green.png", "blue.png")), ("none", ()), ("title", ()),
    ]  # fmt: skip
    assert chunk.entity_of_row_N.tolist() == [0, 1, 2, 2, 3, 4]
    assert [problem.where for problem in chunk.problems] == [
        "birds.jsonl:3", "birds.jsonl:7", "three: cut.png", "none: cut.png", "none: gone.png",
    ]  # fmt: skip
    assert sum(done) == 7 == len(kb)

    inputs = [
        ("Heron: A wading bird with long legs.", None),
        ("Egret: White.", "red.png"),
        ("Ibis: Curved bill.", "green.png"),
        ("Ibis: Curved bill.", "blue.png"),
        ("Stork: Nests on roofs.", None),
        ("Crane", None),
    ]
    for row_M, (text, image) in zip(chunk.vectors_NM, inputs, strict=True):
        picture = None if image is None else read_picture(birds.parent / image)
        (alone_M,) = model.encode_entities([model.prepare_entity(text, picture)])
        assert row_M.astype(np.float32) @ alone_M == pytest.approx(1, abs=5e-3)


def test_rows_come_in_the_knowledge_bases_order_though_batches_do_not(tmp_path: Path, model: WikiClip):
    random = np.random.default_rng(0)
    entities = [
        Entity(entity_id=f"Q{n}", title=f"bird {n}", text=" ".join(["feather"] * random.integers(0, 40)))
        for n in range(150)
    ]
    with workers() as pool:
        chunk = encode(entities, None, model, pool, lambda _: None)
    assert chunk.entity_of_row_N.tolist() == list(range(150))
    some = [0, 77, 149]
    alone_NM = model.encode_entities([model.prepare_entity(describe(entities[n]), None) for n in some])
    assert np.einsum("nm,nm->n", chunk.vectors_NM[some].astype(np.float32), alone_NM) == pytest.approx(1, abs=5e-3)


def test_strict_stops_at_the_first_fault_in_a_new_chunk_and_in_a_stored_one(
    birds: Path, tmp_path: Path, model: WikiClip
):
    kb = JsonLines(birds)
    plan = make_plan(kb, model, chunk_records=2)
    workshop = open_workshop(plan, tmp_path)
    for _ in range(2):
        with pytest.raises(BadRecordFound, match=r"birds\.jsonl:3"):
            embed(kb, model, plan, workshop, strict=True)
    assert embed(kb, model, plan, workshop) == 4


def test_the_number_of_cores_changes_nothing(tmp_path: Path, model: WikiClip):
    entities = [Entity(entity_id=f"Q{n}", title=f"bird {n}", text="feather " * (n % 9)) for n in range(200)]
    threads, vectors = torch.get_num_threads(), []
    for cores in (1, 2):
        torch.set_num_threads(cores)
        with workers() as pool:
            vectors.append(encode(entities, None, model, pool, lambda _: None).vectors_NM)
        assert torch.get_num_threads() == cores
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*vectors)


SLOW_BUILD = """
import sys
from pathlib import Path
import torch
from indexer.embed import embed
from indexer.kb.jsonl import JsonLines
from indexer.plan import make_plan, open_workshop
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

torch.set_num_threads(1)
kb, model = JsonLines(Path(sys.argv[1])), WikiClip.load(Path(sys.argv[2]))
plan = make_plan(kb, model, chunk_records=16)
embed(kb, model, plan, open_workshop(plan, Path(sys.argv[3])))
"""


@pytest.mark.slow
def test_a_killed_build_loses_at_most_one_chunk_and_ends_the_same(tmp_path: Path, model: WikiClip, checkpoint: Path):
    texts = [" ".join(["feather"] * (n * 37 % 120)) for n in range(320)]
    lines = [f'{{"entity_id": "Q{n}", "title": "bird {n}", "text": "{text}"}}\n' for n, text in enumerate(texts)]
    (tmp_path / "birds.jsonl").write_text("".join(lines))
    kb = JsonLines(tmp_path / "birds.jsonl")
    plan = make_plan(kb, model, chunk_records=16)
    whole, killed = open_workshop(plan, tmp_path / "whole"), open_workshop(plan, tmp_path / "killed")

    for chunks in (2, 7):
        command = [sys.executable, "-c", SLOW_BUILD, str(tmp_path / "birds.jsonl"), str(checkpoint)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            [*command, str(tmp_path / "killed")], env=environment, stderr=subprocess.DEVNULL
        ) as build:
            while not stored_chunk(killed, chunks - 1).exists():
                assert build.poll() is None
                time.sleep(0.01)
            build.send_signal(signal.SIGKILL)
        stored = {path.name: path.stat().st_ino for path in (killed / "chunks").iterdir() if path.suffix == ""}
        assert chunks <= len(stored) < 20

    assert embed(kb, model, plan, killed) == embed(kb, model, plan, whole) == 20
    for number in range(20):
        ours, theirs = stored_chunk(killed, number), stored_chunk(whole, number)
        if ours.folder.name in stored:
            assert ours.folder.stat().st_ino == stored[ours.folder.name]
        for path in ours.folder.iterdir():
            assert path.read_bytes() == (theirs.folder / path.name).read_bytes()


def test_a_checkpoint_that_makes_no_vectors_is_refused(birds: Path):
    untrained, kb = WikiClip(PRESETS["tiny"]), JsonLines(birds)
    with workers() as pool, pytest.raises(WikiClipError, match="not of length 1"):
        encode(list(kb.records()), kb.image_root, untrained, pool, lambda _: None)
