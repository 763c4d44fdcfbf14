"""Versions of made-up vectors in Milvus, and a server that can be killed."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from indexer.kinds.milvus.connection import Connection, connected
from indexer.kinds.milvus.server import MilvusServer
from indexer.version import Version
from tests.milvus import OwnServer, own_server


@pytest.fixture
def server(milvus: str) -> Connection:
    """The connection that versions of `make_version` are made by."""
    return connected(MilvusServer(milvus))


@pytest.fixture(scope="module")
def make_version(make_version: Callable[..., Version], milvus: str) -> Callable[..., Version]:
    return partial(make_version, kind="milvus-flat")


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    with own_server(tmp_path_factory.mktemp("own-milvus")) as running:
        yield running
