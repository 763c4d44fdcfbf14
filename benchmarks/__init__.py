"""What is measured, one command a table."""

from pathlib import Path

from wikiclip.base.paths import home


def benchmarks_home() -> Path:
    """The folder of everything that the benchmarks make and keep."""
    return home() / "benchmarks"
