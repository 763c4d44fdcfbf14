"""What tests of several processes share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder that sockets may lie in: a path of theirs has 107 bytes, of which pytest's own folders take most."""
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as name:
        yield Path(name)
