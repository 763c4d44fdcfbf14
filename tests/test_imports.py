"""What an import brings along: the library's face is named at once and loaded when it is asked for."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import indexer
import wikiclip

ROOT = Path(wikiclip.__file__).parent
HEAVY = {"torch", "numpy", "faiss", "PIL", "pycocotools"}
LIGHT = [
    "wikiclip",
    "indexer",
    "wikiclip.base.command",
    "wikiclip.base.errors",
    "wikiclip.base.files",
    "wikiclip.base.locks",
    "wikiclip.base.paths",
    "wikiclip.regions.region",
]


def fresh(code: str) -> str:
    """What a new process prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("module", LIGHT)
def test_what_everybody_imports_brings_nothing_heavy(module: str) -> None:
    loaded = fresh(f"import {module}, sys; print(*sys.modules)").split()
    assert module in loaded
    assert HEAVY & set(loaded) == set()


def test_a_search_in_files_needs_no_client_of_a_server() -> None:
    loaded = fresh("import indexer.search, indexer.kinds.milvus.upkeep, sys; print(*sys.modules)").split()
    assert {"pymilvus", "grpc", "milvus_lite"} & set(loaded) == set()


def test_the_foundations_import_nothing_of_ours_outside_of_them() -> None:
    for path in (ROOT / "base").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] not in ("indexer", "training", "service"), path
                assert not name.startswith("wikiclip") or name.startswith("wikiclip.base."), path


@pytest.mark.parametrize("package", [wikiclip, indexer], ids=lambda package: package.__name__)
def test_all_that_a_package_names_is_there(package) -> None:
    for name in package.__all__:
        assert name in dir(package)
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


def test_the_builder_brings_ray_only_where_it_is_asked_for() -> None:
    loaded = fresh("import indexer.build, sys; print(*sys.modules)").split()
    assert "ray" not in loaded


def test_one_process_takes_nothing_of_several() -> None:
    loaded = fresh("import service.__main__, service.app, sys; print(*sys.modules)").split()
    assert "zmq" not in loaded
    assert [name for name in loaded if name.startswith("service.processes")] == []


def test_the_supervisor_of_several_imports_nothing_that_computes() -> None:
    loaded = fresh("import service.__main__, service.processes.supervisor, sys; print(*sys.modules)").split()
    assert {"torch", "transformers", "fastapi", "uvicorn"} & set(loaded) == set()


def test_several_processes_without_their_extra_name_it():
    code = (
        "import sys; sys.modules['zmq'] = None\n"
        "from service.__main__ import app; from wikiclip.base.command import run; run(app)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "--port", "0"],
        env={**os.environ, "WIKICLIP_PROCESSES": "2"},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, "[processes]" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)
