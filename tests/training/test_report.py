"""The report as a browser gets it: what is on the page, that it needs nothing else, and what its pictures show."""

import base64
import io
import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from training.coverage import risk_coverage
from training.curves import MOST_POINTS, curve, moving_average, thin, tick_labels, ticks
from training.data.scenes import SceneConfig, compose
from training.report import CANDIDATES, ENTITY_SIDE, QUERY_SIDE, Example, Shown, outlined, thumbnail, write_report

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HOSTILE = "<script>alert('x')</script> & \"Söhne\""


class Page(HTMLParser):
    """A page taken apart; it refuses tags that do not close in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.texts.append((tuple(self.open), data.strip()))

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]

    def text(self, within=None):
        """With single spaces, also where one element ends and the next begins."""
        texts = (data for open_tags, data in self.texts if within is None or within in open_tags)
        return " ".join(" ".join(texts).split())

    def pictures(self):
        for attrs in self.all("img"):
            kind, data = attrs["src"].split(",", 1)
            assert kind == "data:image/jpeg;base64"
            with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
                picture.load()
                yield picture, attrs


def entity(name, *, picture=True):
    shade = Image.new("RGB", (400, 300), (30 * len(name), 90, 200))
    return Shown(entity_id=f"Q{name}", title=f"The {name}", picture=shade if picture else None)


ENTITIES = [entity(name, picture=name != "drawn") for name in ("a", "bb", "ccc", "dddd", "drawn", "ffffff", "ggggggg")]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder, paths = tmp_path_factory.mktemp("stamps"), []
    for name, colour in (("one", "red"), ("two", "yellow")):
        stamp = Image.new("RGBA", (200, 120))
        ImageDraw.Draw(stamp).ellipse((10, 10, 190, 110), fill=colour)
        paths.append(folder / f"{name}.png")
        stamp.save(paths[-1])
    return compose(paths, [1], SceneConfig())


def example(scene, truth, *candidates):
    scored = [(candidate, 0.9 - 0.1 * place) for place, candidate in enumerate(candidates)]
    return Example(picture=scene.image, mask=scene.placed[0].mask, truth=truth, candidates=scored)


def row(method, split, r1, **more):
    asked = {"photo": "other", "record": "full", "imagenet": "all", "candidates": "labelled"}
    found = {"r1": r1, "r5": r1 + 20, "r10": r1 + 30, "r1_lo": r1 - 5, "r1_hi": r1 + 5.5}
    return {"method": method, "split": split, **asked, "n": 1549, "n_entities": 70, **found, **more}


def steps(count):
    rng = np.random.default_rng(0)
    for step in range(1, count + 1):
        loss, norm = 5 * math.exp(-step / 500) + rng.uniform(), rng.lognormal()
        rates = {"scale": 14 + step / 1000, "learning_rate": 3e-4 * step / count}
        yield {"step": step, "loss": loss, "gradient_norm": norm, **rates, "seconds": 0.25}


def report(folder, **more):
    path = folder / "report.html"
    parts = {"title": "A run", "settings": {}, "metrics": [], "rows": [], "examples": []} | more
    write_report(path, **parts)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def full(tmp_path_factory, scene):
    return report(
        tmp_path_factory.mktemp("full"),
        title=HOSTILE,
        settings={"train": {"steps": 2000, "name": HOSTILE}, "preset": "tiny"},
        metrics=list(steps(2000)),
        rows=[
            row("model", "seen", 42.3),
            row("model", "unseen", 40.7),
            row("image", "seen", 29.4),
            row("image", "unseen", 29.4),
            row("model", "unseen", 7.9, record="text-only"),
            row("text", "unseen", 12.5, record="text-only"),
        ],
        examples=[example(scene, truth, *ENTITIES) for truth in (*ENTITIES[:2], entity("elsewhere"))],
        notes=["Made for the test.", HOSTILE],
        coverage=risk_coverage(np.arange(50), np.arange(50) % 5 != 0),
    )


def test_the_page_needs_nothing_but_itself(full):
    page = Page(full)
    for _, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert attrs.get(name, "data:").startswith("data:")
    assert not page.all("script") + page.all("link")
    assert not [word for word in ("url(", "@import", "http:", "https:") if word in full]


def test_the_page_is_laid_out_for_readers(full):
    page = Page(full)
    assert full.lstrip().startswith("<!doctype html>")
    assert page.all("html", lang="en")
    assert "width=device-width" in page.all("meta", name="viewport")[0]["content"]
    assert len(page.all("h1")) == 1
    assert all("scope" in attrs for attrs in page.all("th"))
    assert all(attrs["alt"] for attrs in page.all("img"))
    assert all(attrs["aria-label"] for attrs in page.all("svg", role="img"))
    assert len(page.all("figure")) == len(page.all("figcaption"))
    assert "prefers-color-scheme: dark" in full


def test_titles_are_shown_as_they_are_and_run_nothing(full):
    page = Page(full)
    assert page.text("h1") == HOSTILE
    assert page.text("title") == HOSTILE
    assert HOSTILE in page.text("td")
    assert "<script" not in full


def test_half_a_surrogate_pair_does_not_lose_the_report(tmp_path, scene):
    broken = Shown(entity_id="Q1", title="half \ud800 pair", picture=None)
    assert "half ? pair" in Page(report(tmp_path, examples=[example(scene, broken, broken)])).text()


def test_an_empty_run_gives_a_page(tmp_path):
    page = Page(report(tmp_path))
    for text in ("Nothing was measured.", "No step was logged.", "Wrong answers (0)", "Right answers (0)"):
        assert text in page.text()
    assert not page.all("img") + page.all("svg")


def test_the_report_takes_the_place_of_the_one_before(tmp_path):
    report(tmp_path, title="First")
    assert Page(report(tmp_path, title="Second")).text("h1") == "Second"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_table_has_splits_side_by_side_and_the_best_in_bold(full):
    page = Page(full)
    text = page.text("table")
    assert "42.3 37.3 to 47.8 62.3 72.3 40.7 35.7 to 46.2 60.7 70.7 41.5 61.5 71.5 1,549 (70)" in text
    assert "- - - 12.5 7.5 to 18.0 32.5 42.5 - - - 1,549 (70)" in text
    assert "photo other , record full , candidates labelled , imagenet all image 29.4" in page.text("tbody")
    best = full.split('<tr class="best">')[1:]
    assert [part.split("</th>")[0].split(">")[-1] for part in best] == ["model", "text"]


def test_the_table_has_the_ranks_and_the_tasks_that_rows_have(tmp_path):
    rows = [row("model", "unseen", 10, r100=91.25, task="entity"), row("model", "unseen", 20, r100=92.5, task="query")]
    page = Page(report(tmp_path, rows=rows))
    assert "91.2" in page.text("td")
    assert "task entity" in page.text("th")
    assert "within the first 1, 5, 10, 100" in page.text("caption")


def test_wrong_answers_come_first_with_the_right_one_marked(full):
    page = Page(full)
    wrong, right = page.text("main").split("Wrong answers (2)")[1].split("Right answers (1)")
    assert "the right entity, at rank 2" in wrong
    assert "the right entity, not among 7 candidates" in wrong
    assert "2. The bb Qbb 0.800 ✓ right" in wrong
    assert "the right entity, at rank 1" in right
    assert "1. The a Qa 0.900 ✓ right" in right
    assert (wrong + right).count("✓ right") == len(page.all("li", **{"class": "hit"})) == 2
    assert len(page.all("li")) == 3 * CANDIDATES
    assert "The drawn" in page.text("div"), "a tile in place of the picture"


def test_pictures_are_thumbnails_of_the_size_that_is_said(full):
    sizes = []
    for picture, attrs in Page(full).pictures():
        assert picture.size == (int(attrs["width"]), int(attrs["height"]))
        sizes.append(picture.size)
    assert sizes.count((QUERY_SIDE, 167)) == 3, "640 x 480 within the margin for the contour"
    assert set(sizes) == {(QUERY_SIDE, 167), (ENTITY_SIDE, 120)}
    assert len(sizes) == 3 + 3 + 3 * (CANDIDATES - 1)


def test_the_curves_are_there_with_their_last_values(full):
    page = Page(full)
    labels = [attrs["aria-label"] for attrs in page.all("svg")]
    assert [label.split(",")[0] for label in labels] == [
        "wrong among the answers", "loss", "scale", "gradient norm", "learning rate"
    ]  # fmt: skip
    assert "last 16" in labels[2]
    assert "step 1 to 2,000" in labels[1]
    assert "2,000 steps in 0:08:20" in page.text()


def test_coverage_says_how_many_can_be_answered(full):
    text = Page(full).text()
    assert "When only the surest answers are given" in text
    assert "20 % 100.0 %" in text.replace("%", " %")


@pytest.mark.parametrize("levels", [(0, 1), (255, 256), (128, 129), (0, 256)])
@pytest.mark.parametrize("place", [(200, 150, 400, 300), (0, 0, 640, 480), (300, 0, 420, 90), (500, 400, 503, 402)])
def test_the_contour_stands_out_on_any_background(levels, place):
    picture = Image.fromarray(np.random.default_rng(0).integers(*levels, (480, 640, 3), np.uint8, endpoint=False))
    left, top, right, bottom = place
    mask = np.zeros((480, 640), dtype=bool)
    mask[top:bottom, left:right] = True
    shown = np.asarray(outlined(picture, mask)).sum(axis=2, dtype=int)
    assert max(shown.shape) == QUERY_SIDE
    at_y, at_x = (round(3.5 + middle * 212 / 640) for middle in ((top + bottom) / 2, (left + right) / 2))
    for side in (shown[at_y::-1, at_x], shown[at_y:, at_x], shown[at_y, at_x::-1], shown[at_y, at_x:]):
        assert "wwkk" in "".join({0: "k", 765: "w"}.get(value, ".") for value in side.tolist())


def test_inside_is_as_it_was_and_outside_is_dimmed():
    picture = Image.new("RGB", (100, 80), (200, 100, 50))
    mask = np.zeros((80, 100), dtype=bool)
    mask[20:60, 30:70] = True
    shown = np.asarray(outlined(picture, mask))
    assert shown.shape == (88, 108, 3), "never enlarged"
    assert (shown[24:64, 34:74] == (200, 100, 50)).all()
    assert (shown[4:15, 4:104] == (90, 45, 22)).all()


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"a mask of \(5, 4\) for a picture 4 high and 5 wide"):
        outlined(Image.new("RGB", (5, 4)), np.ones((5, 4), dtype=bool))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_thumbnails_of_every_mode(mode):
    assert thumbnail(Image.new(mode, (1000, 20)), 160).size == (160, 3)


def test_transparency_is_laid_on_white():
    assert thumbnail(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), 5).getextrema() == ((255, 255),) * 3


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


def test_metrics_as_they_are_logged_are_drawn(tmp_path):
    """A loss that is not a number is logged as NaN, which Python's JSON reads back."""
    lines = [json.dumps(step | {"loss": math.nan} if step["step"] == 3 else step) for step in steps(5)]
    page = Page(report(tmp_path, metrics=[json.loads(line) for line in lines]))
    assert "1 not finite" in page.text("svg")
