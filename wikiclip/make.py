"""Makes a checkpoint of a tower that knows text: `python -m wikiclip.make --preset clip --out DIR`."""

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
from wikiclip.presets import PRESETS, TOWER, AdaptorConfig, FusionConfig, JointEmbedding, Preset, PresetName
from wikiclip.towers.pinning import check_is_repository, described, pinned

app = typer.Typer(add_completion=False)


class Encoder(StrEnum):
    """What an entity is."""

    CLIP = "clip"
    FUSION = "clip-fusion"
    CLIP2CLIP = "clip2clip"
    VGKA = "vgka"
    EMBEDDING = "embedding"


FUSIONS = {
    Encoder.CLIP: FusionConfig(picture_weight=0.0),
    Encoder.CLIP2CLIP: FusionConfig(text_only_without_picture=True),
}
VGKA_WIDTH = 512


@app.command()
def make(
    *,
    preset: Annotated[
        PresetName, typer.Option(help="Which tower, one of the clip presets, or embedding.")
    ] = PresetName.CLIP,
    out: Annotated[Path | None, typer.Option(help="The checkpoint's folder; var/checkpoints/NAME if left out.")] = None,
    entity_encoder: Annotated[
        Encoder | None,
        typer.Option(
            help="What an entity is: its description; the sum of picture and description, if left out; its picture,"
            " and its description only where it has none; the sum with an adaptor to train on top; or what one model"
            " makes of picture and description together, as the preset embedding does."
        ),
    ] = None,
    picture_weight: Annotated[float | None, typer.Option(min=0, help="Of the picture in the sum.")] = None,
    text_weight: Annotated[float | None, typer.Option(min=0, help="Of the description in the sum.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Another tower: hf-hub:OWNER/NAME or local-dir:PATH, files as open_clip writes them, or as"
            " sentence-transformers does for an embedding."
        ),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The commit, branch or tag of the hub's repository.")] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Of the weights file, or of all files of an embedding, to be checked.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="Of an embedding: said before a mention's picture; the model's own if left out.")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, help="Of an embedding: how many of a vector's first numbers are kept; all if left out."),
    ] = None,
) -> None:
    """Make a checkpoint that links without training, of a model that was trained with pictures and text.

    The tower's files are fetched, and their commit and sha256 go into the checkpoint: an index of other weights is
    refused from then on. A checkpoint that was made like this before stays, and no hub is asked.
    """
    if entity_encoder is None:
        entity_encoder = Encoder.EMBEDDING if PRESETS[preset].is_joint else Encoder.FUSION
    wish: dict[str, Any] = {
        "command": "wikiclip.make",
        "preset": str(preset),
        "entity_encoder": str(entity_encoder),
        "weights_of_a_sum": [picture_weight, text_weight],
        "tower": [weights, revision, sha256],
    }
    if entity_encoder == Encoder.EMBEDDING:
        chosen = _embedding(weights, JointEmbedding(instruction=instruction, width=width))
        wish["asked"] = [instruction, width]
    elif PRESETS[preset].is_joint or instruction is not None or width is not None:
        raise WikiClipError("The preset embedding, --instruction and --width belong to --entity-encoder embedding.")
    else:
        chosen = _of_tower(PRESETS[preset], weights, revision)
    if entity_encoder in (Encoder.FUSION, Encoder.VGKA):
        chosen = _weighed(chosen, picture_weight, text_weight)
    elif picture_weight is not None or text_weight is not None:
        raise WikiClipError(f"--picture-weight and --text-weight are of a sum, and {entity_encoder} has none.")
    elif entity_encoder != Encoder.EMBEDDING:
        chosen = replace(chosen, fusion=FUSIONS[entity_encoder])
    if entity_encoder == Encoder.VGKA:
        chosen = replace(chosen, adaptor=AdaptorConfig(width=VGKA_WIDTH))
    into = checkpoints_home() / chosen.name if out is None else out
    if _is_made(into, wish):
        typer.echo(f"{into} is made already.")
        return
    vision = pinned(replace(chosen.vision, revision=revision or chosen.vision.revision), sha256)
    torch.manual_seed(0)  # an adaptor starts at random numbers, and who makes it again gets the same checkpoint
    model = WikiClip(replace(chosen, vision=vision))
    model.save(into, made_by=wish)
    typer.echo(f"Wrote {into}: {vision.weights} at {vision.revision or 'no commit'}, vectors of {model.mention_width}.")


def _of_tower(preset: Preset, weights: str | None, revision: str | None) -> Preset:
    """A preset of a tower that knows text, by other weights where some are named."""
    if weights is not None:
        preset = replace(preset, name=weights.rpartition("/")[2], vision=described(weights, revision))
    if preset.text.model != TOWER:
        raise WikiClipError(
            f"The preset {preset.name} has to be trained: python -m training.train --preset {preset.name}. Without"
            f" training there are {', '.join(name for name, one in PRESETS.items() if one.text.model == TOWER)}."
        )
    return preset


def _weighed(preset: Preset, picture_weight: float | None, text_weight: float | None) -> Preset:
    """The preset with the sum of picture and description, weighed as they usually are where nothing is said."""
    plain = FusionConfig()
    fusion = replace(
        plain,
        picture_weight=plain.picture_weight if picture_weight is None else picture_weight,
        text_weight=plain.text_weight if text_weight is None else text_weight,
    )
    return replace(preset, fusion=fusion)


def _embedding(weights: str | None, asked: JointEmbedding) -> Preset:
    """The preset of a model that embeds picture and text together, by other weights where some are named."""
    preset = PRESETS[PresetName.EMBEDDING]
    vision = replace(preset.vision, joint=asked)
    if weights is None:
        return replace(preset, vision=vision)
    check_is_repository(weights)
    name = weights.rpartition("/")[2]
    return replace(preset, name=name, vision=replace(vision, architecture=name, weights=weights))


def _is_made(folder: Path, wish: dict[str, Any]) -> bool:
    """Whether a folder holds the checkpoint that is wished for."""
    try:
        return made_by(folder) == wish
    except WikiClipError:
        return False


if __name__ == "__main__":
    run(app)
