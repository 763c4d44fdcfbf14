"""What the tests of benchmarks share: a folder of their own that still has the default data."""

from pathlib import Path

import pytest

from benchmarks.search.encoded import encoded_home
from benchmarks.search.vectors import VectorSet, make_vector_set
from wikiclip.model import WikiClip

ROWS, CHUNK = 2000, 128


@pytest.fixture(scope="session")
def benchmark_home(stamps_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for WIKICLIP_HOME."""
    home = tmp_path_factory.mktemp("home")
    (home / "debian").symlink_to(stamps_data.parent)
    return home


@pytest.fixture
def own_home(benchmark_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WIKICLIP_HOME", str(benchmark_home))
    return benchmark_home


@pytest.fixture(scope="session")
def model() -> WikiClip:
    return WikiClip.load("tiny")


@pytest.fixture
def encoded(model: WikiClip, vectors: VectorSet) -> Path:
    return encoded_home(model, chunk=CHUNK)


@pytest.fixture
def vectors(model: WikiClip, own_home: Path) -> VectorSet:
    return make_vector_set(model, ROWS, chunk=CHUNK)
