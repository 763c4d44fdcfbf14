"""From a release to a report, killed in each of its steps: it goes on, and ends with the table of an unbroken run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.test_oven import checkpoint, large

__all__ = ["checkpoint", "large"]
pytestmark = pytest.mark.slow

# Reads everything once, and forks for each run, as `benchmarks.kills.processes` does.
COMMAND = """
import json, os, sys
from pathlib import Path
from benchmarks.kills.steps import count_steps
from training.oven import app
from wikiclip.base.command import run

def carry_out(home, before, steps_file, said, options):
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.dup2(2, 1)
    os.environ["WIKICLIP_HOME"] = home
    steps = count_steps(Path(home), kill_before=before or None)
    sys.argv[1:] = options
    try:
        run(app)
    except SystemExit as end:
        if end.code:
            raise
    Path(steps_file).write_text(json.dumps(steps))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        carry_out(*json.loads(line))
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
# What the step after which a run is killed does: the first change of each of the path's folders that holds the text.
MOMENTS = (
    "oven_query_val.jsonl",  # the sample, half written
    "building",  # the index, begun
    "CURRENT",  # the index, whole and not named yet
    "mentions-maskoven-val",  # features of the second set
    "report.json",  # everything asked, nothing written
)


class Runs:
    """Runs of the command, each in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", release: Path, checkpoint: Path) -> None:
        self._process, self._data = process, ("--data", str(release), "--model", str(checkpoint))

    def call(self, home: Path, *, before: str = "") -> tuple[int, list[str], str]:
        """The exit code, the steps of a run that was not killed, and what it said."""
        steps, said = (home.with_name(f"{home.name}.{name}") for name in ("steps", "said"))
        steps.unlink(missing_ok=True)
        options = [*self._data, "--out", str(home / "out"), "--sample", "12"]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(home), before, str(steps), str(said), options]) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return code, json.loads(steps.read_text()) if steps.exists() else [], said.read_text()


@pytest.fixture
def runs(large: Path, checkpoint: Path) -> Iterator[Runs]:
    command = [sys.executable, "-W", "ignore", "-c", COMMAND]
    # Several threads would be lost in a fork.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Runs(process, large, checkpoint)


@pytest.mark.timeout(900)
def test_killed_in_each_step_it_ends_with_the_table_of_an_unbroken_run(runs: Runs, tmp_path: Path) -> None:
    homes = {name: tmp_path / name for name in ("unbroken", "broken")}
    code, steps, said = runs.call(homes["unbroken"])
    assert code == 0, said
    for moment in MOMENTS:
        assert any(moment in step for step in steps), moment
        code, _, said = runs.call(homes["broken"], before=moment)
        assert code == -signal.SIGKILL, (moment, said)
        assert not (homes["broken"] / "out" / "report.json").exists()
    code, _, said = runs.call(homes["broken"])
    assert code == 0, said
    reports = [json.loads((home / "out" / "report.json").read_text()) for home in homes.values()]
    for figure in ("rows", "scores", "entities", "notes"):
        assert reports[0][figure] == reports[1][figure]
