"""The report as a browser gets it: what is on the page, that it needs nothing else, and what its pictures show."""

import json
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.training.pages import Page
from training.data.scenes.compose import SceneConfig, compose
from training.measure.coverage import risk_coverage
from training.report.page import CANDIDATES, ENTITY_SIDE, Example, Shown, write_report
from wikiclip.thumbnails import QUERY_SIDE

HOSTILE = "<script>alert('x')</script> & \"Söhne\""


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
    return Example(picture=scene.picture, mask=scene.placed[0].mask, truth=truth, candidates=scored)


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


def test_a_split_that_nothing_was_measured_on_has_no_column(tmp_path):
    row = {"method": "after", "split": "unseen", "r1": 40.0, "r10": 60.0, "r1_lo": 30.0, "r1_hi": 50.0}
    row |= {"n": 86, "n_entities": 29}
    text = Page(report(tmp_path, rows=[row])).text("table")
    assert "method unseen unseen: queries" in text
    assert "harmonic mean" not in text
    assert "after 40.0 30.0 to 50.0 60.0 86 (29)" in text
    text = Page(report(tmp_path, rows=[{**row, "split": "seen"}])).text("table")
    assert "unseen" not in text
    assert "seen: queries (entities)" in text


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


def test_metrics_as_they_are_logged_are_drawn(tmp_path):
    """A loss that is not a number is logged as NaN, which Python's JSON reads back."""
    lines = [json.dumps(step | {"loss": math.nan} if step["step"] == 3 else step) for step in steps(5)]
    page = Page(report(tmp_path, metrics=[json.loads(line) for line in lines]))
    assert "1 not finite" in page.text("svg")
