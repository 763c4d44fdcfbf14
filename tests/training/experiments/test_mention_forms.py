"""The table of forms of mention at small size."""

from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from training.data.scenes.marks import MARKS
from training.experiments import form_rows
from training.experiments.form_rows import BY_MARK, Asked, FormRows, form_table, named
from training.experiments.mention_forms import app

FEW = ("true", "box")


@pytest.mark.slow
def test_rows_are_made_once_and_make_a_table(small_scenes, tmp_path, monkeypatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.setattr(form_rows, "MARKS", FEW)
    monkeypatch.setattr(form_rows, "PEOPLES", FEW[1:])
    forms = [BY_MARK["crop"], BY_MARK["tokens"]]
    most = {"own": 3, "other": 3}

    def rows():
        made = FormRows(small_scenes, forms, kept=tmp_path / "rows.jsonl", most=most)
        found = [made.frozen(form, asked, mark) for form in forms for asked in Asked for mark in FEW]
        return [*found, *made.trained(forms[0], 0, 2), *made.trained(forms[0], 1, 2)]

    def made_by_checkpoint():
        made = FormRows(small_scenes, forms, kept=tmp_path / "rows.jsonl", most=most)
        return made.by_checkpoint(small_scenes.model, forms[1], Asked.SEEN_OWN, "box")

    found = rows()
    assert len(found) == 2 * 4 * 2 + 2 * 4 * 2
    assert all(0 <= row.found["rank 1"] <= row.found["rank 10"] <= 100 for row in found)
    assert all(row.found["low"] <= row.found["rank 1"] <= row.found["high"] for row in found)
    own = [row.found["rank 1"] for row in found if row.way == "frozen" and "own" in row.asked and row.mark == "true"]
    other = [row.found["rank 1"] for row in found if row.way == "frozen" and "other" in row.asked]
    assert sum(own) / len(own) > sum(other) / len(other), "a record's own photograph is the easier"
    untrained = made_by_checkpoint()
    assert untrained.way == "checkpoint"
    assert 0 <= untrained.found["rank 1"] <= untrained.found["rank 10"] <= 100
    held = FormRows(small_scenes, forms, kept=tmp_path / "rows.jsonl", most=most)
    assert all(ahead.low == ahead.mean == ahead.high == 0 for ahead in held.ahead(forms[0], forms[0]))
    of_form = {
        form: [
            row for row in found if (row.form, row.way, row.mark) == (form, "frozen", "box") and "other" in row.asked
        ]
        for form in forms
    }
    right = {form: sum(row.found["rank 1"] * row.found["queries"] for row in some) for form, some in of_form.items()}
    queries = sum(row.found["queries"] for row in of_form[forms[0]])
    ahead = held.ahead(forms[1], forms[0])[0]
    assert ahead.mean == pytest.approx((right[forms[1]] - right[forms[0]]) / queries, abs=0.02)
    monkeypatch.setattr(form_rows, "_row", None)
    assert made_by_checkpoint() == untrained
    assert rows() == found, "kept rows are not made again"

    for way in ("frozen", "trained"):
        with (console := Console(width=200)).capture() as printed:
            console.print(form_table(found, way, Asked.UNSEEN_OTHER))
        lines = printed.get().splitlines()
        assert f"{way}: unseen, other photograph" in lines[0]
        assert any("crop" in line for line in lines)
        assert any("tokens" in line for line in lines) == (way == "frozen")
        assert any("±" in line for line in lines) == (way == "trained")
    said = named(found[0])
    assert (said["way"], said["form"], said["asked"], said["mark"]) == ("frozen", "crop", Asked.UNSEEN_OTHER, "true")
    assert said["mention"]["background"] == 0.6


def test_seen_and_unseen_things_are_of_two_groups(small_scenes):
    pools = {asked: asked.pool(small_scenes) for asked in Asked}
    assert {pool.group for pool in pools.values()} == {0, 1}
    assert pools[Asked.UNSEEN_OTHER].group == pools[Asked.UNSEEN_OWN].group == 0
    assert {asked: pool.photo for asked, pool in pools.items()} == {
        Asked.UNSEEN_OTHER: "other",
        Asked.SEEN_OTHER: "other",
        Asked.UNSEEN_OWN: "own",
        Asked.SEEN_OWN: "own",
    }


def test_every_form_of_the_table_has_a_name_of_its_own():
    assert len(set(BY_MARK.values())) == len(BY_MARK)
    assert len(MARKS) == 8
    assert all(replace(form).margin == 0.1 for form in BY_MARK.values())


def test_a_form_that_the_table_lacks_is_refused_before_anything_is_read():
    found = CliRunner().invoke(app, ["marks", "--only", "crop,ellipse"])
    assert found.exit_code == 1
    assert "'ellipse'" in str(found.exception)
