"""A checkpoint on disk: `config.json` beside `model.safetensors`, and the fingerprint that names the two."""

import hashlib
import importlib.resources
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file, sync, write_text
from wikiclip.base.paths import checkpoints_home
from wikiclip.confidence import Confidence
from wikiclip.presets import PRESETS, TOWER, Preset

CHECKPOINT_VERSION = 1  # counts up when the files change so that an older program could not read them
CONFIG, NEXT_CONFIG, WEIGHTS = "config.json", ".config.json.next", "model.safetensors"


def write_checkpoint(directory: Path, preset: Preset, state: dict[str, Tensor], made_by: dict[str, Any]) -> None:
    """Writes what is learned (float16; the frozen backbones are named, not copied).

    Killed at any moment, the directory holds the checkpoint it held before, or the new one. Other files in it stay.

    Args:
        made_by: the command, seed and data versions, for whoever wants to make it again.

    Raises:
        WikiClipError: the directory cannot be written, or a number does not fit into float16.
    """
    halved = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in state.items()}
    for name, tensor in halved.items():
        if not tensor.isfinite().all():
            raise WikiClipError(f"{name} is not finite in float16: training diverged; lower its learning rate.")
    weights = save(halved)
    config = {
        "schema": CHECKPOINT_VERSION,
        "preset": preset.to_json(),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "made_by": made_by,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Two files cannot change at once: from here until the last rename, whichever config names the weights counts.
        write_text(directory / NEXT_CONFIG, json.dumps(config, indent=2) + "\n")
        with appearing_file(directory / WEIGHTS) as partial:
            partial.write_bytes(weights)
        (directory / NEXT_CONFIG).replace(directory / CONFIG)
        sync(directory)
    except OSError as error:
        raise WikiClipError(f"No checkpoint can be written to {directory}: {error.strerror}.") from error


def checkpoint_folder(source: str | Path) -> Path:
    """Where a checkpoint lies: a folder, or by its name one that the package carries or that was made here.

    Raises:
        WikiClipError: the name is that of a preset which has to be made first.
    """
    if isinstance(source, Path):
        return source
    packaged = Path(str(importlib.resources.files("wikiclip") / "checkpoints" / source))
    places = (packaged, checkpoints_home() / source)
    found = next((place for place in (*places, Path(source)) if place.is_dir()), None)
    if found is None and source in PRESETS:
        made = PRESETS[source].text.model == TOWER
        how = f"wikiclip.make --preset {source}` makes it" if made else f"training.train --preset {source}` trains one"
        raise WikiClipError(f"There is no checkpoint {source} here yet: `python -m {how}.")
    return found or Path(source)


def made_by(directory: Path) -> dict[str, Any]:
    """How a checkpoint was made, as `write_checkpoint` was told.

    Raises:
        WikiClipError: the directory holds no checkpoint.
    """
    noted = _current(directory)[0].get("made_by")
    return noted if isinstance(noted, dict) else {}


def write_confidence(directory: Path, confidence: Confidence) -> None:
    """Notes in a checkpoint how its scores tell whether they can be believed. The fingerprint stays.

    Raises:
        WikiClipError: the directory holds no checkpoint.
    """
    config, _, _ = _current(directory)
    config["confidence"] = confidence.to_json()
    write_text(directory / CONFIG, json.dumps(config, indent=2) + "\n")


def read_confidence(directory: Path) -> Confidence | None:
    """What `write_confidence` noted; None where nothing is.

    Raises:
        WikiClipError: the directory holds no checkpoint, or what is noted is not a confidence.
    """
    values = _current(directory)[0].get("confidence")
    return None if values is None else Confidence.from_json(values)


def read_checkpoint(directory: Path) -> tuple[Preset, dict[str, Tensor], str]:
    """Returns the preset, the learned state in float32, and the fingerprint.

    The fingerprint is a sha256 over the preset and the weights: it changes with whatever would change a vector, and
    not with a note on how the checkpoint was made.

    Raises:
        WikiClipError: a file is missing, was changed, or has another schema.
    """
    config, weights, sha256 = _current(directory)
    try:
        state = {name: tensor.float() for name, tensor in load(weights).items()}
    except SafetensorError as error:
        raise WikiClipError(f"{directory / WEIGHTS} cannot be read: {error}.") from error
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise WikiClipError(f"{name} in {directory / WEIGHTS} is not finite: train the checkpoint again.")
    preset = Preset.from_json(config.get("preset") or {})
    return preset, state, _fingerprint(preset, sha256)


def fingerprint_of(directory: Path) -> str:
    """The fingerprint that `read_checkpoint` returns, without the state. Raises WikiClipError as that does."""
    config, _, sha256 = _current(directory)
    return _fingerprint(Preset.from_json(config.get("preset") or {}), sha256)


def _fingerprint(preset: Preset, weights_sha256: str) -> str:
    named = json.dumps([CHECKPOINT_VERSION, _given(preset.to_json()), weights_sha256], sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What of a preset is given: a setting that came later and is None names the same checkpoint as before."""
    return {
        name: _given(value) if isinstance(value, dict) else value for name, value in values.items() if value is not None
    }


def _current(directory: Path) -> tuple[dict[str, Any], bytes, str]:
    """The config that names the weights, the weights, and their sha256."""
    try:
        weights = (directory / WEIGHTS).read_bytes()
        config, sha256 = _read_config(directory / CONFIG), hashlib.sha256(weights).hexdigest()
        if config.get("weights_sha256") != sha256 and (directory / NEXT_CONFIG).exists():
            config = _read_config(directory / NEXT_CONFIG)
    except OSError as error:
        raise WikiClipError(
            f"{directory} is not a checkpoint: {CONFIG} and {WEIGHTS} are expected in it ({error.strerror})."
        ) from error
    if config.get("weights_sha256") != sha256:
        raise WikiClipError(f"{directory / WEIGHTS} is not the file that {CONFIG} names: fetch or train it again.")
    return config, weights, sha256


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WikiClipError(f"{path} is not JSON: {error}.") from error
    if not isinstance(config, dict) or config.get("schema") != CHECKPOINT_VERSION:
        raise WikiClipError(f"{path} does not have schema {CHECKPOINT_VERSION}: train the checkpoint again.")
    return config
