"""What a checkpoint notes of a model out of a hub or a folder: its commit, the sha256 of its files, and its input."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import TextBackbone, VisionBackbone
from wikiclip.towers.hub import CONFIG, HUB, WEIGHTS, commit_of, is_repository, repository
from wikiclip.towers.sentence.files import EMBEDDER, TEXT_ENCODER, digest

import open_clip  # isort: skip

SAFETENSORS = ".safetensors"


def pinned(vision: VisionBackbone, sha256: str | None) -> VisionBackbone:
    """The tower with the commit of its files and their sha256: of a tower's weights, of all that an embedder reads.

    A tower whose weights a package carries, or which open_clip finds by a tag, stays as it is.

    Args:
        sha256: what is expected; None for what is found.

    Raises:
        WikiClipError: the files are not there, or not those expected.
    """
    if vision.joint is not None:
        folder = repository(vision.weights, vision.revision, EMBEDDER)
        found = digest(folder)
    elif is_repository(vision.weights):
        folder = repository(vision.weights, vision.revision)
        found = _sha256(folder / WEIGHTS)
    elif (folder := Path(vision.weights)).suffix == SAFETENSORS:
        found = _sha256(folder)
    else:
        return vision
    if (expected := sha256 or vision.sha256) not in (None, found):
        raise WikiClipError(f"The weights of {vision.weights} have sha256 {found}, not {expected}: nothing is made.")
    return replace(vision, revision=commit_of(folder), sha256=found)


def pinned_text(model: str) -> TextBackbone:
    """A text encoder of a repository, with the commit and the sha256 of its files.

    Raises:
        WikiClipError: the files are not there.
    """
    check_is_repository(model, "--text")
    folder = repository(model, None, TEXT_ENCODER)
    return TextBackbone(model=model, revision=commit_of(folder), sha256=digest(folder))


def named(architecture: str, weights: str, revision: str | None) -> VisionBackbone:
    """A tower of one of open_clip's architectures.

    Args:
        weights: a tag of open_clip's, which is the repository that it stands for, or a safetensors file.

    Raises:
        WikiClipError: open_clip has no such architecture or tag, or the files are not there.
    """
    if architecture not in (known := open_clip.list_models()):
        alike = get_close_matches(architecture, known, 3)
        raise WikiClipError(f"open_clip has no architecture {architecture!r}{_perhaps(alike)}.")
    if Path(weights).suffix == SAFETENSORS:
        if not Path(weights).is_file():
            raise WikiClipError(f"There is no file of weights {weights}.")
        size = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
        return VisionBackbone(architecture=architecture, weights=weights, image_size=size)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights not in tags:
        raise WikiClipError(
            f"{weights!r} is no safetensors file, and no tag of {architecture}'s weights{_perhaps(tags)}."
        )
    name = open_clip.get_pretrained_cfg(architecture, weights).get("hf_hub", "").strip("/")
    if name.count("/") != 1:
        raise WikiClipError(f"The weights {weights!r} of {architecture} lie in no repository of safetensors.")
    return replace(described(f"{HUB}{name}", revision), architecture=architecture)


def check_is_repository(weights: str, option: str = "--weights") -> None:
    """Raises WikiClipError where a model is named in another way than as a repository or a folder."""
    if not is_repository(weights):
        raise WikiClipError(f"{option} is hf-hub:OWNER/NAME or local-dir:PATH, not {weights}.")


def described(weights: str, revision: str | None) -> VisionBackbone:
    """A tower that no preset names, as its own files describe it.

    Raises:
        WikiClipError: the files are not there, or do not describe one.
    """
    check_is_repository(weights)
    path = repository(weights, revision) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        size, seen = config["model_cfg"]["vision_cfg"]["image_size"], config.get("preprocess_cfg", {})
        plain = VisionBackbone(architecture=weights, weights=weights)
        mean, std = (tuple(map(float, seen.get(name, getattr(plain, name)))) for name in ("mean", "std"))
        if len(mean) != 3 or len(std) != 3 or not isinstance(size, int):
            raise ValueError("an input is a square of three channels")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WikiClipError(f"{path} does not describe a tower of open_clip's: {error}.") from error
    return replace(plain, image_size=size, mean=(mean[0], mean[1], mean[2]), std=(std[0], std[1], std[2]))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _perhaps(names: Sequence[str]) -> str:
    return f"; it has {', '.join(names)}" if names else ""
