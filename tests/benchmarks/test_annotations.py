"""Masks read in a process of its own, at small size."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.annotations import app
from benchmarks.release.publishing import Plan
from benchmarks.release.write import write_release


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("own_home")
def test_every_mask_is_read_and_nothing_is_kept(tmp_path: Path):
    write_release(tmp_path / "release", Plan(records=40, questions=6, pictures=20, mask_gb=0.0005))
    done = CliRunner().invoke(app, ["--data", str(tmp_path / "release")], catch_exceptions=False)
    said = dict(re.findall(r"│ ([^│]+?) +│ ([^│]+?) +│", done.output))
    assert int(said["annotations"]) > 2 * 6
    assert said["left out"] == "0"
    assert 0.01 < float(said["GB of anonymous memory before"]) <= float(said["GB of anonymous memory at most"]) < 0.6
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
