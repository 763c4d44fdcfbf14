"""Models out of a model hub: a repository's files at one revision, in a folder, checked.

A repository holds a configuration, weights and, where the model has one of its own, a tokenizer. They are fetched
together and read from the folder, so that all are of one revision and a second start asks no hub.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.paths import home

HUB, FOLDER = "hf-hub:", "local-dir:"
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Form:
    """In which files a repository keeps a model.

    Attributes:
        wanted: patterns of the files that are fetched. No pickle is among them, and no code.
        missing: of a folder the first file that it should hold and does not; None where it is whole.
        said: for people, what is read from which files.
    """

    wanted: tuple[str, ...]
    missing: Callable[[Path], str | None]
    said: str


OPEN_CLIP = Form(
    wanted=(CONFIG, WEIGHTS, "*token*.json", "vocab.json", "merges.txt", "*.model", "config.json"),
    missing=lambda folder: next((name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()), None),
    said="a tower is read from open_clip's files",
)


def is_repository(weights: str) -> bool:
    """Whether a tower's weights are named as a repository or as a folder that holds the files of one."""
    return weights.startswith((HUB, FOLDER))


def repository(weights: str, revision: str | None, form: Form = OPEN_CLIP) -> Path:
    """The folder of a repository's files, fetched if they are not there.

    They are kept in `models` below WIKICLIP_HOME, or where HF_HOME says. HF_ENDPOINT and HF_TOKEN count as for every
    program that asks a hub. A download that was cut off is taken up again.

    Args:
        weights: `hf-hub:OWNER/NAME` or `local-dir:PATH`.
        revision: a commit, a branch or a tag of the repository; its main branch where None.

    Raises:
        WikiClipError: the hub cannot be reached or refuses, or the files are not those of the form.
    """
    if weights.startswith(FOLDER):
        folder = Path(weights.removeprefix(FOLDER))
    else:
        folder = _fetched(weights.removeprefix(HUB), revision, form)
    if (name := form.missing(folder)) is not None:
        raise WikiClipError(f"{weights} holds no {name}: {form.said}, its weights as safetensors only.")
    return folder


def commit_of(folder: Path) -> str | None:
    """The commit that a fetched repository's files are of; None for a folder of one's own."""
    return folder.name if COMMIT.fullmatch(folder.name) else None


def folder_here(weights: str, revision: str | None, form: Form = OPEN_CLIP) -> Path | None:
    """The folder of a repository's files, without asking the hub; None where they are not here."""
    if weights.startswith(FOLDER):
        folder = Path(weights.removeprefix(FOLDER))
    else:
        try:
            folder = _snapshot(weights.removeprefix(HUB), revision, form, local_files_only=True)
        except (OSError, ValueError):
            return None
    return folder if form.missing(folder) is None else None


def is_here(weights: str, revision: str | None, form: Form = OPEN_CLIP) -> bool:
    """Whether a repository's files are here, without asking the hub."""
    return folder_here(weights, revision, form) is not None


def _fetched(name: str, revision: str | None, form: Form) -> Path:
    try:
        if revision is not None and COMMIT.fullmatch(revision) and is_here(HUB + name, revision, form):
            return _snapshot(name, revision, form, local_files_only=True)
        return _snapshot(name, revision, form, local_files_only=False)
    except LocalEntryNotFoundError as error:
        raise WikiClipError(_unfetched(name, "the model hub cannot be reached")) from error
    except Exception as error:  # of whichever HTTP library huggingface_hub uses, beside its own and the disk's
        raise WikiClipError(_unfetched(name, first_line(error))) from error


def _snapshot(name: str, revision: str | None, form: Form, *, local_files_only: bool) -> Path:
    folder = snapshot_download(
        name,
        revision=revision,
        cache_dir=_cache(),
        allow_patterns=list(form.wanted),
        local_files_only=local_files_only,
    )
    return Path(folder)


def _cache() -> Path | None:
    """None is what HF_HOME says."""
    return None if os.environ.get("HF_HOME") else home() / "models"


def _unfetched(name: str, why: str) -> str:
    return (
        f"The model {name} cannot be fetched ({why}): look at HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, or give a"
        " folder with its files as --weights local-dir:PATH."
    )
