"""What the image does at its start: which index is made, fetched or left to the service."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "docker" / "entrypoint.sh"


def started(folder: Path, *arguments: str, **settings: str) -> list[str]:
    """The modules that it runs, in place of which a script says what it was told."""
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "$2 $3"\n')
    python.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "WIKICLIP_HOME": str(folder), **settings}
    said = subprocess.run(["sh", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=True)
    return said.stdout.splitlines()


@pytest.mark.parametrize(
    "settings", [{"WIKICLIP_PULL_FROM": "s3://bucket/folder", "WIKICLIP_INDEX": ""}, {"WIKICLIP_INDEX": "/data/mine"}]
)
def test_an_index_that_is_named_or_pulled_is_not_made(tmp_path: Path, settings: dict[str, str]) -> None:
    assert started(tmp_path, "serve", **settings) == ["service --host"]


def test_without_one_the_default_one_is_made(tmp_path: Path) -> None:
    empty = {"WIKICLIP_INDEX": "", "WIKICLIP_PULL_FROM": ""}  # as a compose file hands on what is not set
    assert started(tmp_path, **empty) == ["indexer.default_data fetch", "indexer.build --kb", "service --host"]


def test_anything_else_is_run_as_it_is(tmp_path: Path) -> None:
    assert started(tmp_path, "echo", "hello") == ["hello"]
