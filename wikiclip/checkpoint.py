"""A checkpoint on disk: `config.json` beside `model.safetensors`, and the fingerprint that names the two."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from wikiclip.errors import WikiClipError
from wikiclip.presets import Preset

SCHEMA = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def write_checkpoint(directory: Path, preset: Preset, state: dict[str, Tensor], made_by: dict[str, Any]) -> None:
    """Writes what is learned (float16; the frozen backbones are named, not copied) by one rename of the directory.

    Args:
        made_by: the command, seed and data versions, for whoever wants to make it again.
    """
    weights = save({name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in state.items()})
    config = {
        "schema": SCHEMA,
        "preset": preset.to_json(),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "made_by": made_by,
    }
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    (temporary / WEIGHTS).write_bytes(weights)
    (temporary / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    temporary.chmod(0o755)
    if directory.exists():  # a rename replaces an empty directory only
        old = Path(tempfile.mkdtemp(prefix=f".{directory.name}-old-", dir=directory.parent)) / "old"
        directory.replace(old)
        temporary.replace(directory)
        shutil.rmtree(old.parent)
    else:
        temporary.replace(directory)


def read_checkpoint(directory: Path) -> tuple[Preset, dict[str, Tensor], str]:
    """Returns the preset, the learned state in float32, and the fingerprint.

    The fingerprint is a sha256 over the preset and the weights: it changes with whatever would change a vector, and
    not with a note on how the checkpoint was made.

    Raises:
        WikiClipError: a file is missing, was changed, or has another schema.
    """
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        weights = (directory / WEIGHTS).read_bytes()
    except OSError as error:
        raise WikiClipError(
            f"{directory} is not a checkpoint: {CONFIG} and {WEIGHTS} are expected in it ({error.strerror})."
        ) from error
    except ValueError as error:
        raise WikiClipError(f"{directory / CONFIG} is not JSON: {error}.") from error
    if not isinstance(config, dict) or config.get("schema") != SCHEMA:
        raise WikiClipError(f"{directory / CONFIG} does not have schema {SCHEMA}: train the checkpoint again.")
    sha256 = hashlib.sha256(weights).hexdigest()
    if config.get("weights_sha256") != sha256:
        raise WikiClipError(f"{directory / WEIGHTS} is not the file that {CONFIG} names: fetch or train it again.")
    try:
        state = {name: tensor.float() for name, tensor in load(weights).items()}
    except SafetensorError as error:
        raise WikiClipError(f"{directory / WEIGHTS} cannot be read: {error}.") from error
    preset = Preset.from_json(config.get("preset") or {})
    named = json.dumps([SCHEMA, preset.to_json(), sha256], sort_keys=True)
    return preset, state, hashlib.sha256(named.encode()).hexdigest()
