"""Curves of a run as pictures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.pages import Page
from training.report.curves import MOST_POINTS, curve, moving_average, thin, tick_labels, ticks

finite = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(finite, st.floats(1e-9, 1e9), st.integers(2, 10))
def test_ticks_are_round_and_reach_around(low, span, count):
    high = low + max(span, 0.02 * abs(low))
    found = ticks(low, high, count=count)
    step = found[1] - found[0]
    assert 2 <= len(found) <= count + 2
    assert found[0] <= low + 1e-6 * step
    assert found[-1] >= high - 1e-6 * step
    assert found[0] > low - step
    assert found[-1] < high + step
    np.testing.assert_allclose(np.diff(found), step, rtol=1e-6)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(mantissa - digit) for digit in (1, 2, 5)) < 1e-5


@settings(deadline=None)
@given(finite, st.floats(1e-9, 1e9))
def test_tick_labels_tell_the_values_apart(low, span):
    values = ticks(low, low + max(span, 0.02 * abs(low)))
    labels = tick_labels(values)
    assert len(set(labels)) == len(values)
    for value, label in zip(values, labels, strict=True):
        assert float(label.replace(",", "")) == pytest.approx(value, abs=1e-6 * (values[1] - values[0]))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (1, 3000, ["0", "1,000", "2,000", "3,000"]),
        (0, 3e-4, ["0", "1e-4", "2e-4", "3e-4"]),
        (0.3, 0.7, ["0.3", "0.4", "0.5", "0.6", "0.7"]),
        (-3, 12, ["-5", "0", "5", "10", "15"]),
        (0, 4e6, ["0", "1e6", "2e6", "3e6", "4e6"]),
    ],
)
def test_ticks_of_usual_curves(low, high, labels):
    assert tick_labels(ticks(low, high)) == labels


@settings(deadline=None)
@given(st.lists(finite, max_size=400), st.integers(4, 50))
def test_thinning_keeps_order_ends_and_extremes(values, most):
    points = np.stack([np.arange(len(values)), values], axis=1) if values else np.empty((0, 2))
    kept = thin(points, most)
    assert len(kept) <= most
    assert (np.diff(kept[:, 0]) > 0).all()
    assert {tuple(point) for point in kept.tolist()} <= {tuple(point) for point in points.tolist()}
    if len(points) <= most:
        assert len(kept) == len(points)
    else:
        assert (kept[[0, -1]] == points[[0, -1]]).all()
        assert (kept[:, 1].min(), kept[:, 1].max()) == (points[:, 1].min(), points[:, 1].max())


def test_one_spike_in_many_thousand_points_survives():
    points = [(step, 1000.0 if step == 31_234 else 1.0) for step in range(100_000)]
    drawn = curve(points, title="loss")
    path = drawn.split('class="line" d="M')[1].split('"')[0]
    places = [tuple(map(float, place.split())) for place in path.split("L")]
    assert len(places) <= MOST_POINTS
    assert min(y for _, y in places) == 32
    assert len(drawn) < 30_000


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=60), st.floats(0.01, 1))
def test_the_moving_average_agrees_with_its_definition(values, share):
    decay = 1 - 1 / max(1, share * len(values))
    found = moving_average(np.array(values), share)
    for place in range(len(values)):
        weights = [decay ** (place - other) for other in range(place + 1)]
        expected = sum(w * v for w, v in zip(weights, values, strict=False)) / sum(weights)
        assert found[place] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.floats(), max_size=40), st.booleans(), st.booleans())
def test_any_values_make_a_curve_within_its_picture(values, smooth, from_zero):
    drawn = curve(list(enumerate(values)), title="loss", smooth=smooth, from_zero=from_zero)
    page = Page(drawn)
    assert len(page.all("svg")) == 1
    assert len(page.all("path", **{"class": "line"})) == any(abs(value) <= 1e100 for value in values)
    for path in page.all("path"):
        if path["class"] in ("line", "faint"):
            for place in path["d"][1:].split("L"):
                x, y = map(float, place.split())
                assert 54 <= x <= 334
                assert 32 <= y <= 170


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "loss, no values"),
        ([(1, math.nan)], "loss, 1 not finite"),
        ([(1, 2.5)], "loss, step 1 to 1: from 2.5 to 2.5, lowest 2.5, highest 2.5, last 2.5"),
        ([(1, 2), (2, 1), (3, math.inf)], "loss, step 1 to 3: from 2 to 1, lowest 1, highest 2, last 1, 1 not finite"),
    ],
)
def test_a_curve_says_in_words_what_it_shows(points, said):
    (attrs,) = Page(curve(points, title="loss")).all("svg")
    assert attrs["aria-label"] == said


def test_a_run_that_breaks_down_leaves_the_rest_of_its_curve_empty():
    drawn = curve([(step, 1.0 if step <= 50 else math.nan) for step in range(101)], title="loss")
    (circle,) = Page(drawn).all("circle")
    assert float(circle["cx"]) == (54 + 334) / 2


def test_the_last_value_of_noisy_points_is_their_average():
    (attrs,) = Page(curve([(step, step % 2) for step in range(1000)], title="loss", smooth=True)).all("svg")
    assert float(attrs["aria-label"].split("averaged ")[1]) == pytest.approx(0.5, abs=0.03)
