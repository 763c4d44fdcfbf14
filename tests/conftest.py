"""What tests of every package share."""

import copy
import ctypes
import gc
import hashlib
import inspect
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from indexer.default_data.__main__ import fetch
from indexer.default_data.needs import Fetched
from wikiclip.base.paths import debian_root, home
from wikiclip.towers.levels import LevelsTower

# What a command begins with that shall be refused what others are refused: root may write to files that are read-only.
WITHOUT_PRIVILEGES = (
    [] if os.geteuid() else ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override,-dac_read_search"]
)

PATIENCE_S = 120.0  # of a request that says nothing else: other tests have the processor, too


def pytest_configure() -> None:
    """Lets all tests' requests wait: httpx gives up after five seconds, which is a fault of nobody's under load."""
    default = inspect.signature(httpx.get).parameters["timeout"].default  # one for all functions and clients
    default.connect = default.read = default.write = default.pool = PATIENCE_S


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


@pytest.fixture(scope="session", autouse=True)
def _one_trace_of_equal_towers() -> Iterator[None]:
    """Of each trace torch keeps some 9 MB for as long as the process lives, and hundreds of tests load one checkpoint.

    A tower that was traced before, to the last weight and setting, gets the trace of a twin that nobody changes.
    """
    trace, twins = LevelsTower.optimize_for_inference, dict[str, LevelsTower | None]()

    def shared(tower: LevelsTower) -> None:
        told = _told(tower)
        if told not in twins:
            twins[told] = None
            trace(tower)
            return
        if (twin := twins[told]) is None:
            twin = copy.deepcopy(tower)
            trace(twin)
            twins[told] = twin
        super(LevelsTower, tower).optimize_for_inference()
        tower._traced = twin._traced

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LevelsTower, "optimize_for_inference", shared)
        yield


def _told(tower: LevelsTower) -> str:
    """Tells a tower from any whose trace would be another."""
    digest = hashlib.sha256(repr((tower._levels, tower.image_size, tower.device, tower.training)).encode())
    with tower._arithmetic():
        kind = torch.get_autocast_dtype(tower.device.type) if torch.is_autocast_enabled(tower.device.type) else None
        digest.update(repr(kind).encode())
    for name, tensor in tower.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {tensor.stride()}".encode())
        digest.update(tensor.detach().cpu().flatten().clone().view(torch.uint8).numpy())
    return digest.hexdigest()


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
