"""Makes a checkpoint of a tower that knows text: `python -m wikiclip.make --preset clip --out DIR`."""

import hashlib
import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import checkpoints_home
from wikiclip.checkpoint import made_by
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, TOWER, AdaptorConfig, FusionConfig, PresetName, VisionBackbone
from wikiclip.towers.hub import CONFIG, WEIGHTS, commit_of, is_repository, repository

app = typer.Typer(add_completion=False)


class Encoder(StrEnum):
    """What an entity is."""

    CLIP = "clip"
    FUSION = "clip-fusion"
    CLIP2CLIP = "clip2clip"
    VGKA = "vgka"


FUSIONS = {
    Encoder.CLIP: FusionConfig(picture_weight=0.0),
    Encoder.FUSION: FusionConfig(),
    Encoder.CLIP2CLIP: FusionConfig(text_only_without_picture=True),
    Encoder.VGKA: FusionConfig(),
}
VGKA_WIDTH = 512


@app.command()
def make(
    *,
    preset: Annotated[PresetName, typer.Option(help="Which tower, one of the clip presets.")] = PresetName.CLIP,
    out: Annotated[Path | None, typer.Option(help="The checkpoint's folder; var/checkpoints/NAME if left out.")] = None,
    entity_encoder: Annotated[
        Encoder,
        typer.Option(
            help="What an entity is: its description, the sum of picture and description, its picture and its"
            " description only where it has none, or the sum with an adaptor to train on top."
        ),
    ] = Encoder.FUSION,
    picture_weight: Annotated[float | None, typer.Option(min=0, help="Of the picture in the sum.")] = None,
    text_weight: Annotated[float | None, typer.Option(min=0, help="Of the description in the sum.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Another tower: hf-hub:OWNER/NAME or local-dir:PATH, files as open_clip writes them."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The commit, branch or tag of the hub's repository.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Of the weights file, to be checked.")] = None,
) -> None:
    """Make a checkpoint that links without training, of a tower that was trained with text.

    The tower's files are fetched, and their commit and sha256 go into the checkpoint: an index of other weights is
    refused from then on. A checkpoint that was made like this before stays, and no hub is asked.
    """
    wish = {
        "command": "wikiclip.make",
        "preset": str(preset),
        "entity_encoder": str(entity_encoder),
        "weights_of_a_sum": [picture_weight, text_weight],
        "tower": [weights, revision, sha256],
    }
    chosen = PRESETS[preset]
    if weights is not None:
        chosen = replace(chosen, name=weights.rpartition("/")[2], vision=_described(weights, revision))
    if chosen.text.model != TOWER:
        raise WikiClipError(
            f"The preset {preset} has to be trained: python -m training.train --preset {preset}. Without training"
            f" there are {', '.join(name for name, one in PRESETS.items() if one.text.model == TOWER)}."
        )
    into = checkpoints_home() / chosen.name if out is None else out
    if _is_made(into, wish):
        typer.echo(f"{into} is made already.")
        return
    vision = _pinned(replace(chosen.vision, revision=revision or chosen.vision.revision), sha256)
    fusion = FUSIONS[entity_encoder]
    if entity_encoder in (Encoder.FUSION, Encoder.VGKA):
        fusion = replace(
            fusion,
            picture_weight=fusion.picture_weight if picture_weight is None else picture_weight,
            text_weight=fusion.text_weight if text_weight is None else text_weight,
        )
    elif picture_weight is not None or text_weight is not None:
        raise WikiClipError(f"--picture-weight and --text-weight are of a sum, and {entity_encoder} has none.")
    adaptor = AdaptorConfig(width=VGKA_WIDTH) if entity_encoder == Encoder.VGKA else None
    torch.manual_seed(0)  # an adaptor starts at random numbers, and who makes it again gets the same checkpoint
    model = WikiClip(replace(chosen, vision=vision, fusion=fusion, adaptor=adaptor))
    model.save(into, made_by=wish)
    typer.echo(f"Wrote {into}: {vision.weights} at {vision.revision or 'no commit'}, vectors of {model.mention_width}.")


def _is_made(folder: Path, wish: dict[str, Any]) -> bool:
    """Whether a folder holds the checkpoint that is wished for."""
    try:
        return made_by(folder) == wish
    except WikiClipError:
        return False


def _pinned(vision: VisionBackbone, sha256: str | None) -> VisionBackbone:
    """The tower with the commit of its files and the sha256 of its weights, which is checked where one is expected."""
    folder = repository(vision.weights, vision.revision)
    with (folder / WEIGHTS).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if (expected := sha256 or vision.sha256) not in (None, found):
        raise WikiClipError(f"The weights of {vision.weights} have sha256 {found}, not {expected}: nothing is made.")
    return replace(vision, revision=commit_of(folder), sha256=found)


def _described(weights: str, revision: str | None) -> VisionBackbone:
    """A tower that no preset names, as its own files describe it."""
    if not is_repository(weights):
        raise WikiClipError(f"--weights is hf-hub:OWNER/NAME or local-dir:PATH, not {weights}.")
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


if __name__ == "__main__":
    run(app)
