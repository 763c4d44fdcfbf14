"""From a release to a report, killed in each of its steps: it goes on, and ends with the table of an unbroken run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.test_oven import checkpoint, large

__all__ = ["checkpoint", "large"]
pytestmark = pytest.mark.slow

COMMAND = """
import json, sys
from pathlib import Path
from benchmarks.kills.steps import count_steps
from training.oven import app
from wikiclip.base.command import run

home, before, steps_file = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
steps = count_steps(home, kill_before=before or None)
sys.argv[1:] = sys.argv[4:]
try:
    run(app)
except SystemExit as end:
    if end.code:
        raise
steps_file.write_text(json.dumps(steps))
"""
# What the step after which a run is killed does: the first change of each of the path's folders that holds the text.
MOMENTS = (
    "oven_query_val.jsonl",  # the sample, half written
    "building",  # the index, begun
    "CURRENT",  # the index, whole and not named yet
    "mentions-maskoven-val",  # features of the second set
    "report.json",  # everything asked, nothing written
)


def call(release: Path, checkpoint: Path, home: Path, *, before: str = "") -> tuple[int, list[str], str]:
    steps = home.with_name(f"{home.name}.steps")
    steps.unlink(missing_ok=True)
    options = ("--data", release, "--model", checkpoint, "--out", home / "out", "--sample", 12)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMMAND, *map(str, (home, before, steps, *options))],
        env={**os.environ, "WIKICLIP_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    return ended.returncode, json.loads(steps.read_text()) if steps.exists() else [], ended.stderr


@pytest.mark.timeout(900)
def test_killed_in_each_step_it_ends_with_the_table_of_an_unbroken_run(
    large: Path, checkpoint: Path, tmp_path: Path
) -> None:
    homes = {name: tmp_path / name for name in ("unbroken", "broken")}
    code, steps, said = call(large, checkpoint, homes["unbroken"])
    assert code == 0, said
    for moment in MOMENTS:
        assert any(moment in step for step in steps), moment
        code, _, said = call(large, checkpoint, homes["broken"], before=moment)
        assert code == -signal.SIGKILL, (moment, said)
        assert not (homes["broken"] / "out" / "report.json").exists()
    code, _, said = call(large, checkpoint, homes["broken"])
    assert code == 0, said
    reports = [json.loads((home / "out" / "report.json").read_text()) for home in homes.values()]
    for figure in ("rows", "scores", "entities", "notes"):
        assert reports[0][figure] == reports[1][figure]
