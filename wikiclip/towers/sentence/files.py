"""Repositories of models for sentence-transformers: which files they hold, and what names them together.

A model may lie in several safetensors files, which an index names, and the modules after the transformer (pooling, a
projection) each have a folder.
"""

import hashlib
import json
from fnmatch import fnmatch
from pathlib import Path

from safetensors import SafetensorError, safe_open

from wikiclip.base.errors import WikiClipError
from wikiclip.towers.hub import Form

CONFIG, MODULES = "config.json", "modules.json"
WEIGHTS, SHARDS, PICKLE = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
WANTED = ("*.json", "*.jinja", "*.safetensors", "vocab.txt", "merges.txt", "*.model")


def _missing(folder: Path) -> str | None:
    names = [CONFIG, *(_shards(folder) if (folder / SHARDS).is_file() else [WEIGHTS])]
    # A module's own weights come as a pickle or as safetensors; the library would take either.
    names += [
        path.with_name(WEIGHTS).relative_to(folder).as_posix()
        for path in sorted(folder.glob(f"*/{PICKLE}"))
        if not path.with_name(WEIGHTS).is_file()
    ]
    return next((name for name in names if not (folder / name).is_file()), None)


def _missing_with_modules(folder: Path) -> str | None:
    """The modules say how tokens become one vector, and without them the library would take a mean of its own."""
    return _missing(folder) if (folder / MODULES).is_file() else MODULES


EMBEDDER = Form(
    wanted=WANTED,
    missing=_missing_with_modules,
    said="a model that embeds picture and text together is read from sentence-transformers' files",
)
TEXT_ENCODER = Form(
    wanted=WANTED, missing=_missing, said="a text encoder is read from files as transformers writes them"
)
CROSS_ENCODER = Form(
    wanted=WANTED, missing=_missing, said="a cross-encoder is read from files as transformers writes them"
)


def files_of(folder: Path) -> list[Path]:
    """The files of a repository's folder that a model is read from, in order of their names."""
    within = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = (path for path in within if not any(part.startswith(".") for part in path.parts))
    return [folder / name for name in sorted(names) if any(fnmatch(name.as_posix(), one) for one in WANTED)]


def digest(folder: Path) -> str:
    """The sha256 of what `sha256sum` prints of the files, in order of their names: each of them changes a vector."""
    lines = hashlib.sha256()
    for path in files_of(folder):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        lines.update(f"{found}  {path.relative_to(folder).as_posix()}\n".encode())
    return lines.hexdigest()


def parameters_in(folder: Path) -> int:
    """How many numbers the weights hold, as the heads of their files say. Raises WikiClipError where one is broken."""
    counted = 0
    for path in files_of(folder):
        if path.suffix != ".safetensors":
            continue
        try:
            with safe_open(path, framework="numpy") as weights:
                for name in weights.keys():  # noqa: SIM118  (a file of weights is no dictionary)
                    size = 1
                    for side in weights.get_slice(name).get_shape():
                        size *= side
                    counted += size
        except (SafetensorError, OSError) as error:
            raise WikiClipError(f"The weights {path} cannot be read: fetch them again.") from error
    return counted


def _shards(folder: Path) -> list[str]:
    try:
        return sorted(set(json.loads((folder / SHARDS).read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WikiClipError(f"{folder / SHARDS} does not say which files hold the weights: fetch it again.") from error
