"""Networks that read words and look at a picture, as transformers loads them: weights as safetensors, and no code."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.devices import move_to_gpu
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.machine import DeviceChoice
from wikiclip.towers.hub import HUB, Form, repository
from wikiclip.towers.weights import BROKEN_WEIGHTS

from transformers import PreTrainedConfig  # isort: skip

# What transformers also raises for a configuration that is not what it should be.
BROKEN = (*BROKEN_WEIGHTS, TypeError, AttributeError)


def _missing(folder: Path) -> str | None:
    if not (folder / "config.json").is_file():
        return "config.json"
    return None if any(folder.glob("*.safetensors")) else "model.safetensors"


FILES = Form(
    wanted=("*.json", "*.txt", "*.safetensors"),
    missing=_missing,
    said="a segmenter that reads words is read from files as transformers writes them",
)


def load(
    source: str, *, name: str, kinds: Collection[str], model: Any, processor: Any, device: DeviceChoice
) -> tuple[Any, Any]:
    """The model and the processor of its pictures and words, on the GPU where there is one that may be used.

    Args:
        source: a folder, or a name on the model hub.
        name: of such models, for people.
        kinds: what a checkpoint of one may call itself.

    Raises:
        WikiClipError: it is not there, or is not such a model.
    """
    try:
        folder = Path(source) if Path(source).is_dir() else repository(HUB + source, None, FILES)
        if (lacking := FILES.missing(folder)) is not None:
            raise WikiClipError(f"It holds no {lacking}: weights are read as safetensors only.")
        kind = PreTrainedConfig.get_config_dict(folder)[0].get("model_type")
        if kind not in kinds:
            raise WikiClipError(f"Its config.json says {kind!r}, not {' or '.join(kinds)}.")
        loaded, told = model.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
        if told["missing_keys"]:  # which transformers makes up at random
            raise WikiClipError(f"Its weights lack {min(told['missing_keys'])}.")
        reads = processor.from_pretrained(folder)
    except (WikiClipError, *BROKEN) as error:
        why = first_line(error.__cause__ or error)[:200]
        raise WikiClipError(_unread(source, name, why)) from error
    loaded.eval()
    if device != "cpu":
        move_to_gpu(loaded)
    return loaded, reads


def _unread(source: str, name: str, why: str) -> str:
    return (
        f"No {name} can be loaded from {source!r}: give the folder of a checkpoint, a name on a model hub that can be"
        f" reached, or take the segmenter patches. ({why})"
    )
