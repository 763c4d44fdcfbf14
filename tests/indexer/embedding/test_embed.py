import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.embed import embed
from indexer.embedding.pending import PendingChunk, workers
from indexer.embedding.plan import Plan, make_plan, open_workshop
from indexer.errors import BadRecordFound
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord, Entity, describe
from tests.indexer.conftest import assert_same_files, on_cpu
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture
from wikiclip.presets import PRESETS


def encode(
    records: Sequence[Entity | BadRecord],
    image_root: Path | None,
    model: WikiClip,
    done: Callable[[int], object] = lambda _: None,
) -> Chunk:
    with workers() as pool:
        return PendingChunk(records, image_root, on_cpu(model), pool, follow_links=False).finish(done)


class Herons:
    """Records that tell, as they are read, how many chunks had been written by then."""

    name, image_root, follow_links = "herons", None, False

    def __init__(self, count: int, workshop: Callable[[], Path] = Path) -> None:
        self._count, self._workshop = count, workshop
        self.written_before: list[int] = []

    def __len__(self) -> int:
        return self._count

    def records(self) -> Iterator[Entity | BadRecord]:
        for n in range(self._count):
            self.written_before.append(sum(1 for _ in (self._workshop() / "chunks").glob("[0-9]" * 6)))
            yield Entity(entity_id=f"Q{n}", title=f"heron {n}", text=" ".join(["feather"] * (n * 37 % 23)))

    def fingerprint(self) -> str:
        return f"{self._count} herons"


def content(workshop: Path) -> dict[str, bytes]:
    """Every file of every chunk that exists: what a kill leaves of one that does not goes with the workshop."""
    files = sorted(path for path in (workshop / "chunks").rglob("*") if path.is_file() and not path.parent.suffix)
    return {str(path.relative_to(workshop)): path.read_bytes() for path in files}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.pending.BATCH_ROWS", 4)


@pytest.fixture
def herons(tmp_path: Path, model: WikiClip, small_batches: None) -> tuple[Herons, Plan, Path]:
    """Six chunks of eight records, in two batches each."""
    kb = Herons(48, lambda: tmp_path / "building" / plan.id)
    plan = make_plan(kb, model, chunk_records=8)
    return kb, plan, open_workshop(plan, tmp_path)


def test_an_entity_is_described_by_title_and_text():
    assert describe(Entity(entity_id="Q", title="Heron", text="A bird.")) == "Heron: A bird."
    assert describe(Entity(entity_id="Q", title="Heron", text="")) == "Heron"


def test_every_picture_is_a_row_and_what_cannot_be_read_is_listed(birds: Path, model: WikiClip):
    kb, done = JsonLines(birds), []
    chunk = encode(list(kb.records()), kb.image_root, model, done.append)

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
    chunk = encode(entities, None, model)
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
            embed(kb, on_cpu(model), plan, workshop, strict=True)
    assert embed(kb, on_cpu(model), plan, workshop) == 4


def test_a_stretch_is_read_while_the_one_before_it_is_encoded_and_no_further(herons: tuple[Herons, Plan, Path], model):
    kb, plan, workshop = herons
    assert embed(kb, on_cpu(model), plan, workshop) == 6
    assert kb.written_before == [max(n // 8 - 1, 0) for n in range(48)]


@pytest.mark.parametrize("missing", [{0}, {5}, {1, 3}, {0, 2, 3, 5}])
def test_chunks_that_exist_are_kept_whichever_they_are(missing: set[int], herons: tuple[Herons, Plan, Path], model):
    kb, plan, workshop = herons
    embed(kb, on_cpu(model), plan, workshop)
    whole, folders = content(workshop), [stored_chunk(workshop, number).folder for number in range(6)]
    kept = {n: folder.stat().st_ino for n, folder in enumerate(folders) if n not in missing}
    for number in missing:
        folders[number].rename(workshop / f"moved-{number}")  # not removed: a new folder may get its inode again
    assert embed(kb, on_cpu(model), plan, workshop) == 6
    assert_same_files(content(workshop), whole)
    assert {n for n, folder in enumerate(folders) if folder.stat().st_ino == kept.get(n)} == set(kept)


def test_a_worker_that_fails_ends_the_build_with_one_line_and_the_chunks_before_stay(
    herons: tuple[Herons, Plan, Path], model: WikiClip, monkeypatch: pytest.MonkeyPatch
):
    kb, plan, workshop = herons
    encode_entities = WikiClip.encode_entities

    def fail_at_heron_17(self, entities):
        if any(entity.text.startswith("heron 17") for entity in entities):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nException raised from ...")
        return encode_entities(self, entities)

    with monkeypatch.context() as patched:
        patched.setattr(WikiClip, "encode_entities", fail_at_heron_17)
        with pytest.raises(WikiClipError, match=r"failed on a batch with Q\d+ in it: DefaultCPU.* memory\. [^\n]*$"):
            embed(kb, on_cpu(model), plan, workshop)
    assert sorted(path.name for path in (workshop / "chunks").iterdir()) == ["000000", "000001"]
    assert len(kb.written_before) == 4 * 8

    assert embed(kb, on_cpu(model), plan, workshop) == 6
    other = workshop.with_name("other")
    embed(Herons(48), on_cpu(model), plan, other)
    assert_same_files(content(workshop), content(other))


def test_an_interrupt_drops_the_batches_that_wait(
    herons: tuple[Herons, Plan, Path], model: WikiClip, monkeypatch: pytest.MonkeyPatch
):
    kb, plan, workshop = herons
    encode_entities, batches = WikiClip.encode_entities, []

    def interrupted(self, entities):
        if not batches:
            os.kill(os.getpid(), signal.SIGINT)
        batches.append(entities)
        time.sleep(0.5)
        return encode_entities(self, entities)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
    monkeypatch.setattr(WikiClip, "encode_entities", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            embed(kb, on_cpu(model), plan, workshop)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(batches) <= 2 * torch.get_num_threads()
    assert list((workshop / "chunks").glob("*")) == []


def test_the_number_of_cores_changes_nothing(tmp_path: Path, model: WikiClip):
    entities = [Entity(entity_id=f"Q{n}", title=f"bird {n}", text="feather " * (n % 9)) for n in range(200)]
    threads, vectors = torch.get_num_threads(), []
    for cores in (1, 2):
        torch.set_num_threads(cores)
        vectors.append(encode(entities, None, model).vectors_NM)
        assert torch.get_num_threads() == cores
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*vectors)


SLOW_BUILD = """
import sys
from pathlib import Path
import torch
from indexer.embedding.embed import embed
from indexer.embedding.replicas import open_replicas
from indexer.kb.jsonl import JsonLines
from indexer.embedding.plan import make_plan, open_workshop
from wikiclip.model import WikiClip

torch.set_num_threads(1)
kb, model = JsonLines(Path(sys.argv[1])), WikiClip.load(Path(sys.argv[2]))
plan = make_plan(kb, model, chunk_records=16)
embed(kb, open_replicas(model, "cpu"), plan, open_workshop(plan, Path(sys.argv[3])))
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
            time.sleep(random.uniform(0, 0.1))
            build.send_signal(signal.SIGKILL)
        stored = {path.name: path.stat().st_ino for path in (killed / "chunks").iterdir() if path.suffix == ""}
        assert chunks <= len(stored) < 20
        assert sorted(stored) == [f"{number:06d}" for number in range(len(stored))]

    assert embed(kb, on_cpu(model), plan, killed) == embed(kb, on_cpu(model), plan, whole) == 20
    assert {name: (killed / "chunks" / name).stat().st_ino for name in stored} == stored
    assert_same_files(content(killed), content(whole))


def test_a_checkpoint_that_makes_no_vectors_is_refused(birds: Path):
    untrained, kb = WikiClip(PRESETS["tiny"]), JsonLines(birds)
    with pytest.raises(WikiClipError, match="not of length 1"):
        encode(list(kb.records()), kb.image_root, untrained)
