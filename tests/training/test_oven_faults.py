"""A release with one thing wrong with it: a command ends in one line that says so, or goes on and lists it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.hub.repositories import write_repositories
from benchmarks.release.faults import NO_ENTITY, PICTURE, SPOILING, Fault
from benchmarks.release.publishing import Plan
from benchmarks.release.write import write_release
from training import oven
from training.data.annotation_table import REPORT
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.release import Part
from wikiclip import make
from wikiclip.base.errors import WikiClipError

PLAN = Plan(records=40, questions=8, pictures=24, mask_gb=0)

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def whole(stamps_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "debian").symlink_to(stamps_data.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIKICLIP_HOME", str(home))
        write_release(home / "release", PLAN)
    return home / "release"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_repositories(root)
    folder = root / "stand-in" / "smallest"
    made = CliRunner().invoke(make.app, ["--weights", f"local-dir:{folder}", "--out", str(root / "clip")])
    assert made.exit_code == 0, made.output
    return root / "clip"


@pytest.fixture
def release(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    return shutil.copytree(whole, tmp_path / "release")


def spoil(release: Path, fault: Fault) -> None:
    spoiling = SPOILING[fault]
    path = release / spoiling.path
    if spoiling.spoil is None:
        path.unlink()
    else:
        spoiling.spoil(path)


def call(release: Path, checkpoint: Path) -> Result:
    out = release.parent / "out"
    return CliRunner().invoke(oven.app, ["--data", str(release), "--model", str(checkpoint), "--out", str(out)])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.CUT_RECORDS, r"Wiki6M_ver_1_0\.jsonl\.gz is damaged or was cut off .*; fetch it again\."),
        (Fault.HTML_RECORDS, r"Wiki6M_ver_1_0\.jsonl\.gz is a web page and no data: .*, and fetch the file again\."),
        (Fault.MISSING_QUESTIONS, r"oven_entity_val\.jsonl .*is not in .*\. Fetch what is missing from its release"),
        (Fault.HTML_QUESTIONS, r"oven_entity_val\.jsonl is a web page and no data: .*, and fetch the file again\."),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_command_in_one_line(
    release: Path, checkpoint: Path, fault: Fault, said: str
) -> None:
    spoil(release, fault)
    ended = call(release, checkpoint)
    assert isinstance(ended.exception, WikiClipError)
    with pytest.raises(WikiClipError, match=rf"^[^\n]*{said}[^\n]*$"):
        raise ended.exception
    if fault in (Fault.MISSING_QUESTIONS, Fault.HTML_QUESTIONS):  # before the work of days
        assert not (release.parent / "out" / "index").exists()


@pytest.mark.parametrize(
    ("fault", "code", "why"),
    [
        (Fault.CUT_QUESTIONS, "unreadable-record", "Invalid JSON"),
        (Fault.DUPLICATE_QUESTION, "duplicate-id", "given before"),
        (Fault.UNKNOWN_ENTITY, "unknown-entity", f"{NO_ENTITY} is not in the knowledge base"),
        (Fault.HTML_PICTURE, "unreadable-picture", PICTURE),
    ],
)
def test_what_cannot_be_used_of_a_file_is_counted_and_listed(
    release: Path, checkpoint: Path, fault: Fault, code: str, why: str
) -> None:
    spoil(release, fault)
    ended = call(release, checkpoint)
    assert ended.exit_code == 0, (ended.output, ended.exception)
    assert f"1 {code}" in ended.output
    found = {(problem["where"], problem["why"]) for problem in listed(release) if problem["code"] == code}
    assert found  # in OVEN's questions, and again in MaskOVEN's masks where they share the picture
    assert all(why in sentence for _, sentence in found)


def test_a_release_without_a_fault_lists_pictures_that_are_missing_and_nothing_else(
    release: Path, checkpoint: Path
) -> None:
    ended = call(release, checkpoint)
    assert ended.exit_code == 0, (ended.output, ended.exception)
    assert {problem["code"] for problem in listed(release)} <= {"missing-picture"}
    assert "None of 16 annotations was left out" in ended.output
    assert json.loads((release.parent / "out" / "report.json").read_text())["entities"] == PLAN.records


def test_a_record_that_is_given_twice_is_counted_and_listed(release: Path, checkpoint: Path) -> None:
    spoil(release, Fault.DUPLICATE_RECORD)
    ended = call(release, checkpoint)
    assert ended.exit_code == 0, (ended.output, ended.exception)
    assert "1 records or pictures could not be read" in ended.output
    (path,) = (release.parent / "out" / "index" / "versions").glob("*/problems.jsonl")
    assert "was given before" in path.read_text()
    assert json.loads((release.parent / "out" / "report.json").read_text())["entities"] == PLAN.records


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.MISSING_MASKS, r"mask_oven_entity_val\.json is not in .*\. Fetch what is missing from its release"),
        (Fault.CUT_MASKS, r"mask_oven_entity_val\.json is not JSON, or is cut off .*; fetch or write it again\."),
        (Fault.HTML_MASKS, r"mask_oven_entity_val\.json is a web page and no data: .*, and fetch the file again\."),
    ],
)
def test_masks_that_cannot_be_used_are_one_line(release: Path, fault: Fault, said: str) -> None:
    spoil(release, fault)
    with pytest.raises(WikiClipError, match=rf"^[^\n]*{said}[^\n]*$"):
        list(MaskOvenAnnotations(release, part=Part.VAL, images=release))


def listed(release: Path) -> Iterator[dict[str, str]]:
    for path in (release.parent / "home" / "features").rglob(REPORT):
        yield from map(json.loads, path.read_text().splitlines())
