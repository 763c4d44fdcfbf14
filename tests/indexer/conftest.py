"""Small knowledge bases and index versions, made with the real parts."""

import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer.assemble import assemble
from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.plan import Plan, open_workshop
from indexer.embedding.replicas import Replicas
from indexer.kb.record import BadRecord, Entity
from indexer.kinds import kind_of
from indexer.search import EntityIndex
from indexer.version import Version, publish
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Version]:
    """Publishes vectors that were made up, through the same chunks and the same assembly as a real build."""

    def make(
        home: Path,
        vectors_NM: NDArray[np.float32],
        *,
        entity_of_row_N: Sequence[int] | None = None,
        entities: Sequence[Entity] | None = None,
        fingerprint: str = "f" * 64,
        image_root: Path | None = None,
        follow_links: bool = False,
        problems: Sequence[BadRecord] = (),
        chunk_rows: int = 7,
        shard_rows: int = 5,
        kind: str = "exact-fp16",
    ) -> Version:
        owner_N = np.arange(len(vectors_NM)) if entity_of_row_N is None else np.asarray(entity_of_row_N)
        if entities is None:
            entities = [Entity(entity_id=f"Q{n}", title=f"T{n}", text=f"text {n}") for n in range(owner_N.max() + 1)]
        plan = Plan(
            knowledge_base="test",
            records="r",
            image_root=None if image_root is None else str(image_root),
            model_name="tiny",
            model_fingerprint=fingerprint,
            dimension=vectors_NM.shape[1],
            follow_links=follow_links,
        )
        workshop = open_workshop(plan, home, fresh=True)
        chunks = write_chunks(workshop, vectors_NM, owner_N, entities, problems, chunk_rows=chunk_rows)
        return publish(*assemble(workshop, chunks, plan, kind_of(kind), shard_rows=shard_rows), home)

    return make


def spoil(path: Path, content: bytes) -> None:
    """Gives a file of a published version another content, whoever runs the tests: it is read-only."""
    path.unlink()
    path.write_bytes(content)


def published_as(kind: str, version: Version, home: Path) -> Version:
    """The same files as the current version of a kind that this program may not know."""
    copied = home / "building" / kind
    shutil.copytree(version.folder, copied)
    return publish(copied, version.manifest.model_copy(update={"kind": kind}), home)


def assert_same_files(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> None:
    """The same files with the same bytes, but for vectors: some processors' libraries add numbers up in an order that
    depends on where in memory these happen to lie."""
    assert one.keys() == other.keys()
    for name, content in one.items():
        if content == other[name]:
            continue
        assert name.endswith(".npy"), f"{name} differs"
        ours, theirs = (np.load(io.BytesIO(each)) for each in (content, other[name]))
        assert ours.dtype == theirs.dtype == np.float16, f"{name} differs, and holds no vectors"
        np.testing.assert_allclose(ours, theirs, atol=2e-3, err_msg=name)


def assert_same_versions(one: Version, other: Version) -> None:
    """The same in all but the last bits of vectors: ids, rows, records and problems to the byte."""
    assert (one.manifest.plan, one.manifest.counts) == (other.manifest.plan, other.manifest.counts)
    assert one.manifest.files.keys() == other.manifest.files.keys()
    apart = {name for name, stamp in one.manifest.files.items() if other.manifest.files[name] != stamp}
    assert all(name.endswith("/exact.faiss") for name in apart), apart
    ours, theirs = (EntityIndex.open(version.folder.parents[1]).rows for version in (one, other))
    rows_N = np.arange(len(ours))
    np.testing.assert_allclose(ours.vectors(rows_N), theirs.vectors(rows_N), atol=2e-3)


def on_cpu(model: WikiClip) -> Replicas:
    return Replicas(model, [torch.device("cpu")])


def write_chunks(
    workshop: Path,
    vectors_NM: NDArray[np.float32],
    owner_N: NDArray[np.int64],
    entities: Sequence[Entity],
    problems: Sequence[BadRecord] = (),
    *,
    chunk_rows: int = 7,
) -> int:
    """Stores rows as if they had been embedded, `chunk_rows` entities a chunk, and returns the number of chunks."""
    starts = range(0, len(entities), chunk_rows)
    for number, start in enumerate(starts):
        mine = (owner_N >= start) & (owner_N < start + chunk_rows)
        chunk = Chunk(
            entities=entities[start : start + chunk_rows],
            vectors_NM=vectors_NM[mine].astype(np.float16),
            entity_of_row_N=(owner_N[mine] - start).astype(np.uint32),
            problems=problems if number == 0 else (),
        )
        stored_chunk(workshop, number).write(chunk)
    return len(starts)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the preset `tiny` whose learned part is random: as it starts, it says nothing about a text."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    model = WikiClip(PRESETS["tiny"])
    for learned in model.entity.state_dict().values():
        learned.normal_(std=0.05)
    model.save(folder, made_by={"test": "indexer"})
    return folder


@pytest.fixture(scope="session")
def model(checkpoint: Path) -> WikiClip:
    torch.set_num_threads(1)
    return WikiClip.load(checkpoint)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """A file of records with every fault that a build passes over, and the folder of its pictures."""
    folder = tmp_path / "birds"
    folder.mkdir()
    for name, colour in (("red.png", "red"), ("green.png", "green"), ("blue.png", "blue")):
        Image.new("RGB", (40, 30), colour).save(folder / name)
    (folder / "cut.png").write_bytes((folder / "red.png").read_bytes()[:60])
    records: list[dict[str, object] | str] = [
        {"entity_id": "plain", "title": "Heron", "text": "A wading bird with long legs."},
        {"entity_id": "one", "title": "Egret", "text": "White.", "images": ["red.png"]},
        "{broken",
        {"entity_id": "three", "title": "Ibis", "text": "Curved bill.", "images": ["cut.png", "green.png", "blue.png"]},
        {"entity_id": "none", "title": "Stork", "text": "Nests on roofs.", "images": ["cut.png", "gone.png"]},
        {"entity_id": "title", "title": "Crane", "text": ""},
        {"entity_id": "one", "title": "Egret again", "text": ""},
    ]
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    (folder / "birds.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "birds.jsonl"
