"""What tests of every package share."""

from pathlib import Path

import pytest

from indexer.debian import fetch
from wikiclip.base.paths import debian_root


@pytest.fixture(scope="session")
def stamps_data() -> Path:
    """The root of the default data, which is fetched where it is missing: a test of it may fail, but is not skipped."""
    fetch()
    return debian_root().resolve()
