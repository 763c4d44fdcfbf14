"""`python -m training.data` as a user types it."""

import json

import pytest
from typer.testing import CliRunner

from tests.training.annotate.conftest import label_lines, write_lines
from training.data.__main__ import app
from wikiclip.base.errors import WikiClipError

runner = CliRunner()


def run(*arguments):
    return runner.invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("annotate", "--out", "a.json"), "Name what to annotate"),
        (("annotate", "--out", "a.json", "--labels", "none.jsonl"), "--labels needs --pictures DIR"),
        (("annotate", "--out", "a.json", "--labels", "none.jsonl", "--pictures", "."), "There is no file of labels"),
        (("annotate", "--out", "a.json", "--data", "oven", "--labels", "a", "--pictures", "."), "Name the labels by"),
        (("annotate", "--out", "a.json", "--data", "oven", "--part", "wiki"), "--part wiki is no part of OVEN"),
        (("statistics",), "Name the files of masks"),
        (("statistics", "--annotations", "none.json"), "There is no file of annotations none.json"),
        (("judge", "--annotations", "none.json"), "A page needs --pictures DIR"),
        (("judge", "--judgements", "none.json"), "none.json cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert isinstance(found.exception, WikiClipError)
    assert message in str(found.exception)


@pytest.mark.slow
def test_from_labels_to_a_page_with_the_packaged_model(tmp_path):
    """No index: both segmenters look for the words, and what they draw is theirs; that all of it fits is tested."""
    out, pictures = tmp_path / "masks.json", tmp_path / "pictures"
    # A goldfish's name says that it is a fish, so there is one reference to look for, which takes long enough.
    line = label_lines(pictures, 1)[0] | {"entity": "goldfish"}
    labels = write_lines(tmp_path / "labels.jsonl", [line])
    command = ("annotate", "--labels", labels, "--pictures", pictures, "--out", out, "--device", "cpu")
    made = run(*command)
    assert made.exit_code == 0, made.output
    assert "kept" in made.output
    written = json.loads(out.read_text())
    counts = json.loads((tmp_path / "masks.yield.json").read_text())["counts"]
    assert counts["read"] == 1
    assert len(written["annotations"]) == counts["kept"]
    again = run(*command)
    assert "was made before" in again.output
    if counts["kept"]:
        told = run("statistics", "--annotations", out, "--json")
        assert json.loads(told.stdout.splitlines()[-1])["table_2"]["train entity"]["examples"] == counts["kept"]
        page = run("judge", "--annotations", out, "--pictures", pictures, "--out", tmp_path / "judge.html")
        assert page.exit_code == 0, page.output
        assert (tmp_path / "judge.html").is_file()
