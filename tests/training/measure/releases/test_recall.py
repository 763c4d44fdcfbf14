"""Recall against a slow and obvious count, on ranks that nobody chose by hand."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from training.measure.answers import SCORES, Cell, RankedAnswers
from training.measure.quality import Results
from training.measure.ranking import NOT_FOUND
from training.measure.releases.recall import RECALLS, recall_rows, recall_table

queries = st.lists(
    st.tuples(st.integers(0, 25) | st.just(NOT_FOUND), st.integers(0, 4)), max_size=12
)  # the rank of the right entity, and its row


def results(seen: list[tuple[int, int]], unseen: list[tuple[int, int]]) -> Results:
    found: Results = {}
    for split, asked in (("seen", seen), ("unseen", unseen)):
        if asked:
            rank_Q, entity_Q = np.array(asked).T
            scores_QK = np.zeros((len(asked), SCORES), np.float32)
            found[Cell("model", split)] = [RankedAnswers(rank_Q, entity_Q, scores_QK, scores_QK)]
    return found


def percent(asked: list[tuple[int, int]], k: int) -> float:
    right = 0
    for rank, _ in asked:
        if rank < k:
            right += 1
    return 100 * right / len(asked)


@settings(deadline=None, max_examples=25)
@given(seen=queries, unseen=queries)
def test_figures_are_those_of_a_slow_count(seen: list[tuple[int, int]], unseen: list[tuple[int, int]]):
    if not seen and not unseen:
        return
    rows = {row["split"]: row for row in recall_rows(results(seen, unseen))}
    expected = {"seen": seen, "unseen": unseen, "all": seen + unseen}
    for split, asked in expected.items():
        assert (split in rows) == bool(asked)
        if not asked:
            continue
        assert (rows[split]["n"], rows[split]["n_entities"]) == (len(asked), len({entity for _, entity in asked}))
        for k in RECALLS:
            assert rows[split][f"r{k}"] == pytest.approx(percent(asked, k), abs=0.005)
    assert ("harmonic mean" in rows) == bool(seen and unseen)
    for k in RECALLS if seen and unseen else ():
        both = (percent(seen, k), percent(unseen, k))
        mean = 2 / (1 / both[0] + 1 / both[1]) if all(both) else 0
        assert rows["harmonic mean"][f"r{k}"] == pytest.approx(mean, abs=0.005)
    for row in rows.values():
        assert all(0 <= row[f"r{k}_lo"] <= row[f"r{k}_hi"] <= 100 for k in RECALLS)


def test_intervals_are_over_entities_and_hold_the_figure():
    rng = np.random.default_rng(0)
    seen, unseen = ([(int(rank), entity) for entity, rank in enumerate(rng.integers(0, 30, 200))] for _ in range(2))
    once = {row["split"]: row for row in recall_rows(results(seen, unseen))}
    often = {row["split"]: row for row in recall_rows(results(seen * 9, unseen * 9))}
    for split in ("seen", "unseen", "harmonic mean", "all"):
        for k in RECALLS:
            low, high = once[split][f"r{k}_lo"], once[split][f"r{k}_hi"]
            assert low <= once[split][f"r{k}"] <= high
            if split != "all":  # where entities of both splits have one row here
                assert (low, high) == pytest.approx((often[split][f"r{k}_lo"], often[split][f"r{k}_hi"]), abs=0.011)
    # Two halves of 200 entities each: the mean of both is surer than either.
    widths = {split: row["r10_hi"] - row["r10_lo"] for split, row in once.items()}
    assert widths["harmonic mean"] < min(widths["seen"], widths["unseen"])


def test_a_harmonic_mean_is_of_both_splits_in_each_draw():
    """Where one of them finds nothing whatever is drawn, the interval has no width."""
    right, wrong = [(0, entity) for entity in range(9)], [(NOT_FOUND, entity) for entity in range(9)]
    (mean,) = (row for row in recall_rows(results(right, wrong)) if row["split"] == "harmonic mean")
    assert [(mean[f"r{k}_lo"], mean[f"r{k}"], mean[f"r{k}_hi"]) for k in RECALLS] == [(0, 0, 0)] * len(RECALLS)


def test_the_table_has_a_line_a_row_and_an_interval_a_figure():
    rows = list(recall_rows(results([(0, 0), (7, 1)], [(15, 2), (NOT_FOUND, 3)])))
    console = Console(width=150, file=io.StringIO(), record=True)
    console.print(recall_table(rows))
    text = console.export_text()
    assert [line.split()[1] for line in text.splitlines() if "[" in line and "│" in line] == [
        "seen", "unseen", "harmonic", "all",
    ]  # fmt: skip
    for figure in ("50.0 [0.0, 100.0]", "100.0 [100.0, 100.0]", "66.7 ["):
        assert figure in text
    assert "2 (2)" in text
    assert "4 (4)" in text
