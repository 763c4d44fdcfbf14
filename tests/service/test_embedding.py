"""A model that embeds picture and description together, from its repository's files to answers over HTTP."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.hub.qwen import write_models
from indexer.build import build
from indexer.kb import KnowledgeBaseName
from indexer.linker import Linker
from service.settings import Settings
from tests.service.conftest import COLOURS, Service, ready
from wikiclip import make
from wikiclip.base.errors import WikiClipError
from wikiclip.pictures import read_picture


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    weights = f"local-dir:{root}/Qwen/Qwen3-VL-Embedding-8B"
    options = ["--entity-encoder", "embedding", "--weights", weights, "--width", "48", "--out", str(root / "made")]
    made = CliRunner().invoke(make.app, options)
    assert made.exit_code == 0, made.output
    return root / "made"


@pytest.fixture(scope="module")
def index(checkpoint: Path, index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shapes of the other tests, embedded by this model."""
    home = tmp_path_factory.mktemp("index")
    shapes = index_home.parent
    build(kb=KnowledgeBaseName.JSONL, records=shapes / "records.jsonl", images=shapes, model=str(checkpoint), out=home)
    return home


@pytest.fixture(scope="module")
def service(start_for_module: Callable[[Settings], Service], checkpoint: Path, index: Path) -> Service:
    return ready(start_for_module(Settings(model=str(checkpoint), index=index, threads=1)))


def test_a_record_is_nearest_to_itself_and_another_model_is_refused(checkpoint: Path, index: Path) -> None:
    linker = Linker.open(checkpoint, index)
    assert linker.index.manifest.dimension == 48
    for name in COLOURS:
        entity = linker.index.entity(f"{name}-disc")
        path = linker.index.picture_path(entity.entity_id)
        assert path is not None
        prepared = linker.model.prepare_entity(f"{entity.title}: {entity.text}", read_picture(path))
        (found,) = linker.index.search(linker.model.encode_entities([prepared]), 1)
        assert found[0].entity.entity_id == entity.entity_id
        assert found[0].score == pytest.approx(1, abs=2e-3)
    with pytest.raises(WikiClipError, match="was made with the checkpoint"):
        Linker.open("tiny", index)


@pytest.mark.slow
def test_it_links_explains_and_outlines(service: Service, checkpoint: Path, index: Path, index_home: Path) -> None:
    file = (index_home.parent / "red-disc.png").read_bytes()
    asked = {"image": base64.b64encode(file).decode(), "region": {"box": [18, 10, 60, 60]}}
    with httpx.Client(base_url=service.url, timeout=60) as client:
        linked = client.post("/link", json={**asked, "top_k": 3}).raise_for_status().json()
        told = client.post("/explain", json={**asked, "entity_id": "red-disc"}).raise_for_status().json()
        outlined = client.post("/segment", json={"image": asked["image"], "point": [48, 40]}).raise_for_status().json()
        alone = client.post("/explain", json={**asked, "entity_id": "no-picture"}).raise_for_status().json()
    ours = Linker.open(checkpoint, index).link(file, asked["region"], top_k=3).candidates
    candidates = linked["results"][0]["candidates"]
    assert [one["entity_id"] for one in candidates] == [one.entity.entity_id for one in ours]
    np.testing.assert_allclose([one["score"] for one in candidates], [one.score for one in ours], atol=1e-4)
    assert told["picture"] is None
    assert told["mention"]["similarity"] == [[pytest.approx(told["score"], abs=1e-4)]]
    assert sum(word["weight"] for word in told["words"]) == pytest.approx(1, abs=1e-3)
    assert alone["words"][0]["word"] == "idea:"
    assert outlined["method"] == "grabcut"
    assert json.dumps(outlined["regions"])
