"""Repositories in sentence-transformers' files, from those of the stand-in hub: what they lack, and what names them."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.hub.qwen import write_models
from wikiclip.base.errors import WikiClipError
from wikiclip.towers.hub import Form, repository
from wikiclip.towers.sentence.files import (
    CONFIG,
    CROSS_ENCODER,
    EMBEDDER,
    MODULES,
    PICKLE,
    SHARDS,
    WEIGHTS,
    digest,
    files_of,
    parameters_in,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return root / "Qwen"


@pytest.fixture
def sharded(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / "Qwen3-VL-Embedding-8B", tmp_path / "sharded"))


def change_a_number(folder: Path) -> None:
    path = sorted(folder.glob("*.safetensors"))[-1]
    weights = load_file(path)
    name = sorted(weights)[0]
    weights[name] = weights[name] + 1
    save_file(weights, path, metadata={"format": "pt"})


CHANGES: dict[str, Callable[[Path], object]] = {
    "a number of the last shard": change_a_number,
    "how tokens become a vector": lambda folder: (folder / "1_Pooling" / CONFIG).write_text('{"pooling_mode": "mean"}'),
    "what is said around an input": lambda folder: (folder / "chat_template.jinja").write_text("other"),
    "which files there are": lambda folder: (folder / "1_Pooling" / CONFIG).rename(folder / "pooling.json"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_a_vector_changes_the_name_of_the_files(change: str, sharded: Path) -> None:
    before = digest(sharded)
    CHANGES[change](sharded)
    assert digest(sharded) != before


def test_the_name_is_what_sha256sum_says_of_what_it_prints(sharded: Path) -> None:
    names = [path.relative_to(sharded).as_posix() for path in files_of(sharded)]
    assert len(names) == 14
    printed = subprocess.check_output(["sha256sum", *names], cwd=sharded)
    assert digest(sharded) == hashlib.sha256(printed).hexdigest()


def test_what_no_model_is_read_from_does_not(sharded: Path) -> None:
    before = digest(sharded)
    (sharded / "README.md").write_text("moved on\n")
    (sharded / "script.py").write_text("1 / 0\n")
    (sharded / ".cache").mkdir()
    (sharded / ".cache" / "note.json").write_text("{}")
    assert digest(sharded) == before
    assert {path.suffix for path in files_of(sharded)} == {".json", ".jinja", ".safetensors"}


def test_the_numbers_of_all_shards_are_counted(models: Path, sharded: Path) -> None:
    whole = load_file(models / "Qwen3-VL-Embedding-2B" / WEIGHTS)
    assert parameters_in(sharded) == sum(tensor.numel() for tensor in whole.values())
    (sharded / "model-00002-of-00003.safetensors").write_bytes(b"<html>")
    with pytest.raises(WikiClipError, match="00002"):
        parameters_in(sharded)


@pytest.mark.parametrize(
    ("lacking", "form"),
    [
        (CONFIG, EMBEDDER),
        (MODULES, EMBEDDER),
        ("model-00003-of-00003.safetensors", EMBEDDER),
        ("model-00003-of-00003.safetensors", CROSS_ENCODER),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(lacking: str, form: Form, sharded: Path) -> None:
    assert repository(f"local-dir:{sharded}", None, form) == sharded
    (sharded / lacking).unlink()
    with pytest.raises(WikiClipError, match=f"holds no {lacking}: .*safetensors only"):
        repository(f"local-dir:{sharded}", None, form)


@pytest.mark.parametrize("place", ["", "1_Pooling"])
def test_a_pickle_in_the_place_of_weights_is_refused(place: str, sharded: Path) -> None:
    if not place:
        for path in [*sharded.glob("*.safetensors"), sharded / SHARDS]:
            path.unlink()
    torch.save({"weight": torch.zeros(1)}, sharded / place / PICKLE)
    with pytest.raises(WikiClipError, match="safetensors only"):
        repository(f"local-dir:{sharded}", None, EMBEDDER)


@pytest.mark.parametrize("wrong", ["{", "[]", '{"weight_map": 1}', "{}"])
def test_an_index_of_shards_that_is_none_is_refused(wrong: str, sharded: Path) -> None:
    (sharded / SHARDS).write_text(wrong)
    with pytest.raises(WikiClipError, match="which files hold the weights"):
        repository(f"local-dir:{sharded}", None, EMBEDDER)


def test_the_names_of_shards_are_of_the_index(sharded: Path) -> None:
    assert len(set(json.loads((sharded / SHARDS).read_text())["weight_map"].values())) == 3
