"""The routes of a service on each backend: every test here runs on FAISS and on Milvus."""

import pytest

from indexer.linker import Linker
from tests.milvus import BACKENDS
from tests.service.conftest import Service


@pytest.fixture(scope="module", params=BACKENDS)
def in_milvus(request: pytest.FixtureRequest) -> bool:
    return str(request.param).startswith("milvus")


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, service: Service, in_milvus: bool) -> Service:
    return request.getfixturevalue("milvus_service") if in_milvus else service


@pytest.fixture(scope="module")
def linker(request: pytest.FixtureRequest, linker: Linker, in_milvus: bool) -> Linker:
    return request.getfixturevalue("milvus_linker") if in_milvus else linker
