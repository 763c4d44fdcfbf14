"""What tests of every package share."""

import ctypes
import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.default_data.__main__ import fetch
from indexer.default_data.needs import Fetched
from wikiclip.base.paths import debian_root, home

# What a command begins with that shall be refused what others are refused: root may write to files that are read-only.
WITHOUT_PRIVILEGES = (
    [] if os.geteuid() else ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override,-dac_read_search"]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files with the most slow tests first: where processes share the files, none is left with a long one."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow") is not None)
    items.sort(key=lambda item: -slow[item.path])  # the order within a file stays


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what failed once more, a line each: what is kept of a long log is often its end."""
    for report in [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]:
        terminalreporter.write_line(f"failed: {report.nodeid}")


@pytest.fixture(scope="module", autouse=True)
def _give_memory_back() -> Iterator[None]:
    """Returns what a module's tests had to the system: glibc keeps it, and the next module's run in the process."""
    yield
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # other systems' libraries have none
        trim(0)


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The uri of an embedded Milvus, which the environment names as long as tests run."""
    uri = str(tmp_path_factory.mktemp("milvus") / "test.db")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WIKICLIP_MILVUS_URI", uri)
        yield uri


@pytest.fixture(scope="session")
def stamps_data() -> Path:
    """The root of the default data, which is fetched where it is missing: a test of it may fail, but is not skipped."""
    fetch(Fetched.WORDNET)
    return debian_root().resolve()


@pytest.fixture(scope="session")
def wikipedia_data() -> Path:
    """The folder that keeps all data of the knowledge base `wikipedia`, fetched like that."""
    fetch(Fetched.WIKIPEDIA)
    return home().resolve()
