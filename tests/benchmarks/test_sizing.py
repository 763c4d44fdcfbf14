"""What is carried on begins where it was measured, and the page has what the command prints."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.sizing import MEASURED, PROBES, app, carried, codes_read
from indexer.kb.oven import RELEASED_RECORDS
from indexer.kinds import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "sizing.md"


def test_the_page_has_what_the_command_prints() -> None:
    said = CliRunner().invoke(app, []).output
    assert said.count("| 6M |") == 3
    for table in said.strip().split("\n\n"):
        assert table in PAGE.read_text(encoding="utf-8")


def test_at_the_measured_size_it_says_what_was_measured() -> None:
    rows, probes, ms, rate = MEASURED[1]
    assert (rows, probes) == (RELEASED_RECORDS, PROBES)
    assert carried(rows) == pytest.approx((ms, rate))
    memory = KINDS["compact-pca"].cost(rows, 256).memory
    assert memory == pytest.approx(0.51e9, rel=0.1)


def test_lists_get_longer_once_the_sample_gives_no_more() -> None:
    assert codes_read(4_000_000, PROBES) == pytest.approx(2 * codes_read(1_000_000, PROBES), rel=0.01)
    assert codes_read(400_000_000, PROBES) == pytest.approx(4 * codes_read(100_000_000, PROBES))


def test_prices_are_the_readers() -> None:
    free = CliRunner().invoke(app, ["--core-hour", "0", "--memory-gb-hour", "0", "--disk-gb-month", "0"]).output
    assert "| 0.00 | 0.00 |" in free
    dear = CliRunner().invoke(app, ["--sizes", "1000000", "--core-hour", "1"]).output
    assert dear.splitlines()[2].split(" | ")[-2] == "1.97"  # two cores for 58 minutes, and their memory
