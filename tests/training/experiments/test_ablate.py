"""The ablation at small size."""

import numpy as np
import pytest

from training.experiments import ablate
from training.learn.config import TrainConfig

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("variation", ablate.ROWS, ids=lambda variation: variation.name)
def test_every_row_of_the_ablation_can_be_run(small_scenes, variation):
    config = TrainConfig(**{"steps": 2, "annotated": 8, "own": 4, "text_negatives": 8, **variation.config})
    row = ablate.measure(small_scenes, variation, config)
    assert set(row) == {"minutes", *(f"{name} {k}" for name in ablate.MEASURES.values() for k in (1, 10))}
    assert all(0 <= row[f"{name} 1"] <= row[f"{name} 10"] <= 100 for name in ablate.MEASURES.values())


def test_what_is_switched_off_is_not_seen(small_scenes):
    records = small_scenes.records
    rows = np.array([0, 1, 30])
    only_texts = ablate.Limited(records, pictures=False, texts=True).items(rows, rows)
    only_pictures = ablate.Limited(records, pictures=True, texts=False).items(rows, rows)
    assert not only_texts.has_picture_B.any()
    assert not only_texts.padding_BL.all(dim=1).any()
    assert only_pictures.padding_BL.all()
    assert only_pictures.has_picture_B.tolist() == [True, True, False]
