"""What a checkpoint notes of a model out of a hub or a folder: its commit, the sha256 of its files, and its input."""

import hashlib
import json
from dataclasses import replace

from wikiclip.base.errors import WikiClipError
from wikiclip.presets import VisionBackbone
from wikiclip.towers.hub import CONFIG, WEIGHTS, commit_of, is_repository, repository
from wikiclip.towers.sentence_files import EMBEDDER, digest


def pinned(vision: VisionBackbone, sha256: str | None) -> VisionBackbone:
    """The tower with the commit of its files and their sha256: of a tower's weights, of all that an embedder reads.

    Args:
        sha256: what is expected; None for what is found.

    Raises:
        WikiClipError: the files are not there, or not those expected.
    """
    if vision.joint is not None:
        folder = repository(vision.weights, vision.revision, EMBEDDER)
        found = digest(folder)
    else:
        folder = repository(vision.weights, vision.revision)
        with (folder / WEIGHTS).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if (expected := sha256 or vision.sha256) not in (None, found):
        raise WikiClipError(f"The weights of {vision.weights} have sha256 {found}, not {expected}: nothing is made.")
    return replace(vision, revision=commit_of(folder), sha256=found)


def check_is_repository(weights: str) -> None:
    """Raises WikiClipError where weights are named in another way than as a repository or a folder."""
    if not is_repository(weights):
        raise WikiClipError(f"--weights is hf-hub:OWNER/NAME or local-dir:PATH, not {weights}.")


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
