"""The ablation at small size."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.hub.repositories import write_repositories
from tests.training.conftest import drawn_scenes
from training.experiments import ablate
from training.learn.config import TrainConfig
from wikiclip.presets import PRESETS, AdaptorConfig

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("variation", ablate.ROWS, ids=lambda variation: variation.name)
def test_every_row_of_the_ablation_can_be_run(small_scenes, variation):
    config = TrainConfig(**{"steps": 2, "annotated": 8, "own": 4, "text_negatives": 8, **variation.config})
    row = ablate.measure(small_scenes, variation, config)
    assert set(row) == {"minutes", *(f"{name} {k}" for name in ablate.MEASURES.values() for k in (1, 10))}
    assert all(0 <= row[f"{name} 1"] <= row[f"{name} 10"] <= 100 for name in ablate.MEASURES.values())


def test_a_tower_that_knows_text_has_a_row_without_its_anchor(tmp_path, monkeypatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "var"))
    write_repositories(tmp_path / "hub")
    preset = PRESETS["clip-small"]
    weights = preset.vision.weights.replace("hf-hub:", f"local-dir:{tmp_path / 'hub'}/")
    vision, adaptor = replace(preset.vision, weights=weights), AdaptorConfig(width=16, heads=2)
    data = drawn_scenes(tmp_path, replace(preset, vision=vision, adaptor=adaptor))
    rows = {row.name: row for row in ablate.rows_of(data.model.preset)}
    assert len(rows) == len(ablate.ROWS) + 1
    anchored = ablate.varied_data(data, rows["both"])
    plain = ablate.varied_data(data, *ablate.ANCHORED_ROWS)
    some = np.arange(4)
    sums = data.records.encode(data.model.entity, some)  # an adaptor that was not trained adds nothing
    assert torch.equal(anchored.records.encode(anchored.model.entity, some), sums)
    assert not torch.allclose(plain.records.encode(plain.model.entity, some), sums, atol=0.1)
    config = TrainConfig(steps=1, annotated=8, own=4, text_negatives=8)
    assert set(ablate.measure(plain, *ablate.ANCHORED_ROWS, config)) > {"minutes"}


def test_what_is_switched_off_is_not_seen(small_scenes):
    records = small_scenes.records
    rows = np.array([0, 1, 30])
    only_texts = ablate.Limited(records, pictures=False, texts=True).items(rows, rows)
    only_pictures = ablate.Limited(records, pictures=True, texts=False).items(rows, rows)
    assert not only_texts.has_picture_B.any()
    assert not only_texts.padding_BL.all(dim=1).any()
    assert only_pictures.padding_BL.all()
    assert only_pictures.has_picture_B.tolist() == [True, True, False]
