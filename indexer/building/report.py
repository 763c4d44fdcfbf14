"""What a build says at its end."""

import typer

from indexer.errors import BadRecordFound
from indexer.version import PROBLEMS, Version


def report(version: Version, *, strict: bool) -> None:
    """Says what the index holds.

    Raises:
        BadRecordFound: `strict`, and an earlier build that was not left something out.
    """
    counts = version.manifest.counts
    typer.echo(f"Index {version.id} in {version.folder}: {counts.entities} entities, {counts.rows} vectors.")
    if strict:
        expect_no_problems(version)
    if counts.problems:
        typer.echo(_problems(version), err=True)


def expect_no_problems(version: Version) -> None:
    """Raises BadRecordFound where the build of a version left something out."""
    if version.manifest.counts.problems:
        raise BadRecordFound(_problems(version))


def _problems(version: Version) -> str:
    count = version.manifest.counts.problems
    return f"{count} records or pictures could not be read; {version.folder / PROBLEMS} lists them."
