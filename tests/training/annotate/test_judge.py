"""Judgements and the rates that they make, and the page that holds strangers' texts."""

import json
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.training.annotate.conftest import draw_picture
from training.annotate.judge.judgements import Judgement, read_judgements, success_table, wilson
from training.annotate.judge.page import cards, write_page
from training.annotate.statistics.rows import mentioned
from training.annotate.statistics.sources import open_sources
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import encode_rle

HOSTILE = "</script><img src=x onerror=alert(1)>'\"&{{ 7 * 7 }}"
IDS = ["a1", "toString", "__proto__", f"id {HOSTILE}"]


@pytest.fixture
def page(tmp_path):
    images, annotations = [], []
    for number, data_id in enumerate(IDS):
        masks = draw_picture(tmp_path / f"pictures/{number}.png", number)
        images.append({"id": f"p{number}", "file_name": f"/{number}.png", "height": 72, "width": 96})
        annotations.append(
            {
                "id": data_id,
                "image_id": f"p{number}",
                "category_id": f"Q{number}",
                "segmentation": [encode_rle(next(iter(masks.values())))],
                "label": [f"thing {HOSTILE}"],
                "question": f"what {HOSTILE}?",
                "text_prompt": HOSTILE,
                "data_split": "query_val_seen",
                "method": HOSTILE,
                "reference": "label",
            }
        )
    path = tmp_path / "masks.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    left_out = []
    with open_sources(None) as source_of:
        shown = list(cards(mentioned(path, bar=False), tmp_path / "pictures", source_of, left_out))
    assert left_out == []
    write_page(tmp_path / "judge.html", shown, title=f"to judge {HOSTILE}")
    return tmp_path / "judge.html"


def test_strangers_texts_are_texts_on_the_page(page):
    html = page.read_text()
    assert "onerror=alert(1)>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert html.count("<script>") == html.count("</script>") == 1
    assert html.count('src="data:image/jpeg;base64,') == len(IDS)
    assert not re.search(r"(src|href)=\"?https?:", html)  # it asks nobody for anything
    assert "{{ 7 * 7 }}" in html


def test_what_cannot_be_shown_is_said(tmp_path):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "small.png")
    rows = [("small", "/small.png"), ("gone", "/gone.png"), ("out", "/../out.png"), ("unlisted", None)]
    mask = encode_rle(np.ones((4, 4), bool))
    written = {
        "images": [{"id": key, "file_name": name} for key, name in rows if name],
        "annotations": [{"id": key, "image_id": key, "category_id": "Q1", "segmentation": [mask]} for key, _ in rows],
    }
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(written))
    left_out = []
    with open_sources(None) as source_of:
        assert list(cards(mentioned(path, bar=False), tmp_path, source_of, left_out)) == []
    assert [line.partition(":")[0] for line in left_out] == ["small", "gone", "out", "unlisted"]


def judged(verdict, split="entity", source="IN21k"):
    return Judgement(id="a", split=split, source=source, method="windows", reference="label", verdict=verdict)


def test_the_success_rate_is_the_share_of_right_ones_by_split_and_source():
    every = [judged("right")] * 17 + [judged("wrong", "query")] * 2 + [judged("unsure", "query", "COCO")]
    table = success_table(every)
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert rows[0] == ("all", "20", "17", "2", "1", "85.0%", "64.0% to 94.8%")
    assert [row[0] for row in rows] == [
        "all", "split entity", "split query", "source COCO", "source IN21k", "method windows", "reference label",
    ]  # fmt: skip
    assert rows[2][1:6] == ("3", "0", "2", "1", "0.0%")


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilsons_interval_holds_the_share_and_solves_its_equation(right, wrong):
    of = right + wrong
    low, high = wilson(right, of)
    assert 0 <= low <= high <= 1
    if of:
        share = right / of
        assert low - 1e-12 <= share <= high + 1e-12
        for end in (low, high):  # |share - end| is 1.96 standard errors of end itself
            assert abs(share - end) == pytest.approx(1.959963984540054 * (end * (1 - end) / of) ** 0.5, abs=1e-7)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no JSON", '{"sample": "a", "judgements": []}', '{"sample": "a", "judgements": [{"id": "b"}]}']
)
def test_a_file_of_other_things_is_refused(tmp_path, text):
    (tmp_path / "judgements.json").write_text(text)
    with pytest.raises(WikiClipError, match="holds no judgements as the page saves them"):
        read_judgements(tmp_path / "judgements.json")


def test_keys_judge_and_what_is_judged_survives_a_reload_and_is_saved(page, tmp_path):
    if os.environ.get("CI") != "true":
        pytest.importorskip("playwright.sync_api", reason="make setup gets Playwright")
    from playwright.sync_api import expect, sync_playwright

    from benchmarks.browser import browser_path, launch

    with sync_playwright() as playwright:
        program = browser_path(playwright)
        if program is None:
            missing = "there is no Chromium here; make setup gets one"
            if os.environ.get("CI") == "true":
                pytest.fail(f"The page cannot be judged on: {missing}.", pytrace=False)
            pytest.skip(missing)
        browser = launch(playwright, program)
        opened = browser.new_page()
        faults = []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("dialog", lambda dialog: faults.append(dialog.message))
        opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        opened.goto(page.as_uri())
        progress = opened.locator("#progress")
        expect(progress).to_have_text(f"1 of {len(IDS)}; right 0, wrong 0, unsure 0")
        for key in "rwu":
            opened.keyboard.press(key)
        expect(progress).to_have_text(f"4 of {len(IDS)}; right 1, wrong 1, unsure 1")
        opened.keyboard.press("z")
        expect(progress).to_have_text(f"3 of {len(IDS)}; right 1, wrong 1, unsure 0")
        opened.keyboard.press("ArrowLeft")
        opened.keyboard.press("r")  # the second, after all
        opened.reload()
        expect(progress).to_have_text(f"3 of {len(IDS)}; right 2, wrong 0, unsure 0")
        opened.keyboard.press("w")
        opened.get_by_role("button", name="Right", exact=True).click()
        with opened.expect_download() as download:
            opened.get_by_role("button", name="Save judgements.json").click()
        download.value.save_as(tmp_path / "judgements.json")
        browser.close()
    assert faults == []
    saved = read_judgements(tmp_path / "judgements.json").judgements
    assert [(one.id, one.verdict) for one in saved] == list(zip(IDS, ["right", "right", "wrong", "right"], strict=True))
    assert {(one.split, one.method) for one in saved} == {("query", HOSTILE)}
