"""Curves of a run as pictures."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.pages import Page
from training.report.curves import curve, moving_average

finite = st.floats(-1e6, 1e6)


def corners(drawn, name="line"):
    """Where a curve's line goes, in pixels."""
    (path,) = Page(drawn).all("path", **{"class": name})
    return [tuple(map(float, place.split())) for place in path["d"].removeprefix("M ").split(" L ")]


def y_ticks(drawn):
    """What the labels of the y axis say, from the lowest up, and how high they stand; and the factor above them."""
    labels = re.findall(r'<text class="tick" x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]+)</text>', drawn)
    factor = [text for x, _, anchor, text in labels if (float(x), anchor) == (54, "start")]
    return [text for *_, anchor, text in labels if anchor == "end"], [
        float(y) for _, y, anchor, _ in labels if anchor == "end"
    ], factor[0] if factor else None  # fmt: skip


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


@settings(deadline=None, max_examples=40)
@given(finite, st.floats(1e-9, 1e9))
def test_ticks_are_round_reach_around_and_are_told_apart(low, span):
    high = low + max(span, 0.03 * abs(low))
    labels, places, factor = y_ticks(curve([(0, low), (1, high)], title="loss"))
    values = np.array([number(label) for label in labels]) * number(factor or "1")
    step = values[1] - values[0]
    assert 2 <= len(set(labels)) == len(labels) <= 7
    np.testing.assert_allclose(np.diff(values), step, rtol=1e-3)
    np.testing.assert_allclose(np.diff(places), places[1] - places[0], atol=1e-3)
    assert low - step < values[0] <= low + 1e-3 * step
    assert high - 1e-3 * step <= values[-1] < high + step
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(mantissa - digit) for digit in (1, 2, 5)) < 1e-3


@pytest.mark.parametrize(
    ("low", "high", "labels", "factor"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], None),
        (1, 3000, ["0", "1000", "2000", "3000"], None),
        (0, 3e-4, ["0", "1", "2", "3"], "1e\N{MINUS SIGN}4"),
        (0.3, 0.7, ["0.3", "0.4", "0.5", "0.6", "0.7"], None),
        (-3, 12, ["\N{MINUS SIGN}5", "0", "5", "10", "15"], None),
        (0, 4e6, ["0", "1", "2", "3", "4"], "1e6"),
    ],
)
def test_ticks_of_usual_curves(low, high, labels, factor):
    assert y_ticks(curve([(0, low), (1, high)], title="loss"))[::2] == (labels, factor)


@pytest.mark.parametrize(("steps", "labels"), [([1], ["1"]), ([1, 2], ["1", "2"]), ([0, 5000], ["0", "1,000"])])
def test_steps_are_counted_in_whole_numbers(steps, labels):
    drawn = curve([(step, 1.0) for step in steps], title="loss")
    found = re.findall(r'y="18[\d.]+" text-anchor="middle">([^<]+)<', drawn)
    assert found[:2] == labels


def test_one_spike_in_many_thousand_points_survives():
    drawn = curve([(step, 1000.0 if step == 31_234 else 1.0) for step in range(100_000)], title="loss")
    assert min(y for _, y in corners(drawn)) == 32
    assert len(drawn) < 30_000


def test_many_noisy_points_are_thinned_out_and_keep_their_ends_and_extremes():
    noise = np.random.default_rng(0).uniform(size=100_000)
    noise[[5_000, 70_000]] = 0, 1
    drawn = curve(enumerate(noise), title="loss")
    places = corners(drawn)
    assert len(places) <= 1000
    assert len(drawn) < 30_000
    assert (min(y for _, y in places), max(y for _, y in places)) == (32, 170)
    for place, value, x in ((places[0], noise[0], 54), (places[-1], noise[-1], 334)):
        assert place == pytest.approx((x, 170 - 138 * value), abs=1e-3)
    assert np.diff([x for x, _ in places]).min() > -1, "back by less than a pixel"


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
    for name in ("line", "faint", "last", "grid"):
        for path in page.all("path", **{"class": name}):
            for place in path["d"].removeprefix("M ").split(" L "):
                x, y = map(float, place.split())
                assert 54 - 1e-3 <= x <= 334 + 1e-3
                assert 32 - 1e-3 <= y <= 170 + 1e-3


def test_a_curve_is_painted_by_its_page_and_the_same_again():
    drawn = curve([(step, step % 7) for step in range(50)], title="loss", smooth=True)
    assert drawn == curve([(step, step % 7) for step in range(50)], title="loss", smooth=True)
    tags = [(tag, attrs) for tag, attrs in Page(drawn).tags if tag != "svg"]
    assert {tag for tag, _ in tags} == {"path", "text"}
    assert {attrs["class"] for _, attrs in tags} == {"heading", "note", "tick", "grid", "line", "faint", "last"}
    assert not [attrs for _, attrs in tags if attrs.keys() - {"class", "d", "x", "y", "text-anchor"}]


def test_texts_are_shown_as_they_are():
    text = '<script>$x$ & "y"'
    page = Page(curve([(1, 2)], title=text, x_label=text))
    assert page.text("text").count(text) == 2
    assert page.all("svg")[0]["aria-label"].startswith(f"{text}, {text} 1 to 1")


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
    assert {x for x, _ in corners(drawn, "last")} == {(54 + 334) / 2}
    assert max(x for x, _ in corners(drawn)) == (54 + 334) / 2


def test_the_last_value_of_noisy_points_is_their_average():
    (attrs,) = Page(curve([(step, step % 2) for step in range(1000)], title="loss", smooth=True)).all("svg")
    assert float(attrs["aria-label"].split("averaged ")[1]) == pytest.approx(0.5, abs=0.03)
