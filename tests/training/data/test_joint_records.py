"""What training and evaluation keep of records, of a model that embeds picture and description together."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.hub.qwen import write_models
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity, describe
from training.data.features.cache import Budget
from training.data.records import Records
from wikiclip import make
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WikiClip:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "var"))
    # In bfloat16 a batch of another size gives other numbers.
    monkeypatch.setattr("wikiclip.towers.sentence.pictures_and_texts.bf16_pays", lambda device: False)
    write_models(tmp_path)
    weights = f"local-dir:{tmp_path}/Qwen/Qwen3-VL-Embedding-2B"
    out = tmp_path / "made"
    CliRunner().invoke(make.app, ["--entity-encoder", "embedding", "--weights", weights, "--out", str(out)])
    return WikiClip.load(out)


def test_records_have_the_vectors_that_an_index_gets(model: WikiClip, tmp_path: Path) -> None:
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (50, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    rows = [{"entity_id": f"e{n}", "title": f"thing {n}", "text": "a bird" * (n % 3)} for n in range(6)]
    for number in range(3):
        rows[number]["images"] = [f"{number}.png"]
    (tmp_path / "kb.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    kb = JsonLines(tmp_path / "kb.jsonl", images=tmp_path)
    records = Records(model, kb, Budget(1 << 20))
    unreadable: list[str] = []
    records.fill(unreadable.append)
    assert unreadable == ["e2: 2.png"]
    found = records.encode(model.entity, np.arange(len(records)))
    entities = [record for record in kb.records() if isinstance(record, Entity)]
    prepared = [
        model.prepare_entity(describe(one), read_picture(tmp_path / one.images[0]) if number < 2 else None)
        for number, one in enumerate(entities)
    ]
    np.testing.assert_allclose(found, model.encode_entities(prepared), atol=1e-5)
