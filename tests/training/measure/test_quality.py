"""The table and the paired differences, from answers that the test makes up."""

import io

import numpy as np
import pytest
from rich.console import Console

from training.data.scenes.folds import FOLDS
from training.measure.answers import SCORES, Cell, RankedAnswers
from training.measure.quality import differences, quality_table, table_rows
from training.measure.ranking import NOT_FOUND

IMAGENET = np.array([0, -1])
ENTITY = np.array([0, 0, 1, 1, 2])
SCORED = np.zeros((5, SCORES), np.float32)


@pytest.fixture
def results():
    """The model is right at once but for one query; the picture finds each entity's second query sixth."""
    cells = {}
    for split in ("seen", "unseen"):
        model = RankedAnswers(np.array([0, 0, 0, 0, NOT_FOUND]), ENTITY, SCORED, SCORED)
        image = RankedAnswers(np.array([0, 5, 0, 5, NOT_FOUND]), ENTITY, SCORED, SCORED)
        cells[Cell("model", split, "other", "full", "labelled")] = [model] * FOLDS
        cells[Cell("image", split, "other", "full", "labelled")] = [image] * FOLDS
    return cells


def test_rows_are_percentages_of_n_and_none_comes_twice(results):
    rows = list(table_rows(results, IMAGENET))
    settings = ("method", "split", "photo", "record", "imagenet", "candidates")
    assert len({tuple(row[name] for name in settings) for row in rows}) == len(rows) == 8
    (row,) = (r for r in rows if (r["method"], r["split"], r["imagenet"]) == ("image", "unseen", "all"))
    assert (row["n"], row["n_entities"]) == (5 * FOLDS, 3)
    assert (row["r1"], row["r5"], row["r10"]) == (40, 40, 80)
    assert row["r1_lo"] <= row["r1"] <= row["r1_hi"]
    (row,) = (r for r in rows if (r["method"], r["split"], r["imagenet"]) == ("model", "seen", "without"))
    assert (row["n"], row["n_entities"]) == (3 * FOLDS, 2)
    assert row["r1"] == pytest.approx(66.67)


def test_the_table_prints_seen_unseen_and_their_harmonic_mean(results):
    console = Console(width=150, file=io.StringIO(), record=True)
    console.print(quality_table(list(table_rows(results, IMAGENET))))
    text = console.export_text()
    assert "80.0 / 80.0 / 80.0" in text
    assert "40.0 / 40.0 / 80.0" in text


def test_differences_are_paired_and_name_the_folds(results):
    lines = list(differences(results))
    assert "rank 1: +40.0" in lines[1]
    assert "rank 10: +0.0 [+0.0, +0.0]" in lines[1]
    assert "without the development fold 0" in lines[2]
