"""Towers out of a model hub: a repository's files at one revision, in a folder, checked.

A repository in open_clip's form holds a configuration, weights and, where the tower has one of its own, a tokenizer.
They are fetched together and read from the folder, so that all are of one revision and a second start asks no hub.
"""

import os
import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.paths import home

HUB, FOLDER = "hf-hub:", "local-dir:"
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
# No pickle is among them, and no code.
WANTED = (CONFIG, WEIGHTS, "*token*.json", "vocab.json", "merges.txt", "*.model", "config.json")
COMMIT = re.compile(r"[0-9a-f]{40}")


def is_repository(weights: str) -> bool:
    """Whether a tower's weights are named as a repository or as a folder that holds the files of one."""
    return weights.startswith((HUB, FOLDER))


def repository(weights: str, revision: str | None) -> Path:
    """The folder of a repository's files, fetched if they are not there.

    They are kept in `models` below WIKICLIP_HOME, or where HF_HOME says. HF_ENDPOINT and HF_TOKEN count as for every
    program that asks a hub. A download that was cut off is taken up again.

    Args:
        weights: `hf-hub:OWNER/NAME` or `local-dir:PATH`.
        revision: a commit, a branch or a tag of the repository; its main branch where None.

    Raises:
        WikiClipError: the hub cannot be reached or refuses, or the files are not those of a tower.
    """
    if weights.startswith(FOLDER):
        folder = Path(weights.removeprefix(FOLDER))
    else:
        folder = _fetched(weights.removeprefix(HUB), revision)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise WikiClipError(
                f"{weights} holds no {name}: a tower is read from open_clip's files, its weights as safetensors only."
            )
    return folder


def commit_of(folder: Path) -> str | None:
    """The commit that a fetched repository's files are of; None for a folder of one's own."""
    return folder.name if COMMIT.fullmatch(folder.name) else None


def is_here(weights: str, revision: str | None) -> bool:
    """Whether a repository's files are here, without asking the hub."""
    if weights.startswith(FOLDER):
        folder = Path(weights.removeprefix(FOLDER))
    else:
        try:
            folder = _snapshot(weights.removeprefix(HUB), revision, local_files_only=True)
        except (OSError, ValueError):
            return False
    return all((folder / name).is_file() for name in (CONFIG, WEIGHTS))


def _fetched(name: str, revision: str | None) -> Path:
    try:
        if revision is not None and COMMIT.fullmatch(revision) and is_here(HUB + name, revision):
            return _snapshot(name, revision, local_files_only=True)
        return _snapshot(name, revision, local_files_only=False)
    except LocalEntryNotFoundError as error:
        raise WikiClipError(_unfetched(name, "the model hub cannot be reached")) from error
    except Exception as error:  # of whichever HTTP library huggingface_hub uses, beside its own and the disk's
        raise WikiClipError(_unfetched(name, first_line(error))) from error


def _snapshot(name: str, revision: str | None, *, local_files_only: bool) -> Path:
    folder = snapshot_download(
        name,
        revision=revision,
        cache_dir=_cache(),
        allow_patterns=list(WANTED),
        local_files_only=local_files_only,
    )
    return Path(folder)


def _cache() -> Path | None:
    """None is what HF_HOME says."""
    return None if os.environ.get("HF_HOME") else home() / "models"


def _unfetched(name: str, why: str) -> str:
    return (
        f"The tower {name} cannot be fetched ({why}): look at HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, or give a"
        " folder with its files as --weights local-dir:PATH."
    )
