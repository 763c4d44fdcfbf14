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
from wikiclip.presets.choice import chosen_preset
from wikiclip.towers.pinning import check_is_repository, described, named, pinned, pinned_text

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
ADAPTOR = AdaptorConfig(width=512)


@app.command()
def make(
    *,
    preset: Annotated[
        str, typer.Option(help="One of the clip presets, embedding, or the path of a JSON file of one's own.")
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
    vision: Annotated[
        str | None,
        typer.Option(help="Another tower, by open_clip's name; --weights is a tag or a safetensors file of it then."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Another tower: hf-hub:OWNER/NAME or local-dir:PATH, files as open_clip writes them, or as"
            " sentence-transformers does for an embedding."
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Another text encoder for an adaptor to read: hf-hub:OWNER/NAME or local-dir:PATH, files as"
            " sentence-transformers or transformers write them. Needs --entity-encoder vgka, and training."
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
    shape = chosen_preset(preset)
    wish: dict[str, Any] = {
        "command": "wikiclip.make",
        "preset": preset if preset in PRESETS else shape.to_json(),
        "entity_encoder": None if entity_encoder is None else str(entity_encoder),
        "weights_of_a_sum": [picture_weight, text_weight],
        "tower": [vision, weights, revision, sha256],
        "text": text,
        "asked": [instruction, width],
    }
    if vision is not None and weights is None:
        raise WikiClipError("--vision names an architecture: name a tag or a file of its weights with --weights, too.")
    if entity_encoder == Encoder.EMBEDDING or (entity_encoder is None and shape.is_joint):
        if any(given is not None for given in (picture_weight, text_weight, text, vision)):
            raise WikiClipError(
                "--picture-weight and --text-weight are of a sum, --text is of an adaptor and --vision of open_clip's:"
                " an embedding has none of them."
            )
        chosen = _embedding(shape, weights, JointEmbedding(instruction=instruction, width=width))
    elif shape.is_joint or instruction is not None or width is not None:
        raise WikiClipError("The preset embedding, --instruction and --width belong to --entity-encoder embedding.")
    else:
        chosen = _of_tower(shape, vision, weights, revision)
        chosen = _encoded(chosen, entity_encoder, picture_weight, text_weight, text)
    into = checkpoints_home() / chosen.name if out is None else out
    if _is_made(into, wish):
        typer.echo(f"{into} is made already.")
        return
    tower = pinned(replace(chosen.vision, revision=revision or chosen.vision.revision), sha256)
    torch.manual_seed(0)  # an adaptor starts at random numbers, and who makes it again gets the same checkpoint
    model = WikiClip(replace(chosen, vision=tower))
    model.save(into, made_by=wish)
    typer.echo(f"Wrote {into}: {tower.weights} at {tower.revision or 'no commit'}, vectors of {model.mention_width}.")


def _of_tower(preset: Preset, vision: str | None, weights: str | None, revision: str | None) -> Preset:
    """A preset, by another tower where one is named."""
    if weights is None:
        return preset
    if vision is not None:
        return replace(preset, name=f"{vision}-{Path(weights).stem}", vision=named(vision, weights, revision))
    return replace(preset, name=weights.rpartition("/")[2], vision=described(weights, revision))


def _encoded(
    preset: Preset,
    encoder: Encoder | None,
    picture_weight: float | None,
    text_weight: float | None,
    text: str | None,
) -> Preset:
    """The preset with what an entity is; as it says itself where nothing is said."""
    if text is not None:
        if encoder != Encoder.VGKA:
            raise WikiClipError(f"--text is what an adaptor reads: it goes with --entity-encoder {Encoder.VGKA}.")
        preset = replace(preset, adaptor=preset.adaptor or ADAPTOR, text=pinned_text(text), fusion=None)
    elif preset.text.model != TOWER:
        without = ", ".join(name for name, one in PRESETS.items() if one.text.model == TOWER)
        raise WikiClipError(
            f"The preset {preset.name} has to be trained: python -m training.train --preset {preset.name}. Without"
            f" training there are {without}."
        )
    elif encoder is not None:
        adaptor = (preset.adaptor or ADAPTOR) if encoder == Encoder.VGKA else None
        preset = replace(preset, adaptor=adaptor, fusion=FUSIONS.get(encoder, FusionConfig()))
    if picture_weight is None and text_weight is None:
        return preset
    if preset.fusion is None or encoder in (Encoder.CLIP, Encoder.CLIP2CLIP):
        raise WikiClipError(f"--picture-weight and --text-weight are of a sum, and {encoder or preset.name} has none.")
    return replace(preset, fusion=_weighed(preset.fusion, picture_weight, text_weight))


def _weighed(fusion: FusionConfig, picture_weight: float | None, text_weight: float | None) -> FusionConfig:
    return replace(
        fusion,
        picture_weight=fusion.picture_weight if picture_weight is None else picture_weight,
        text_weight=fusion.text_weight if text_weight is None else text_weight,
    )


def _embedding(shape: Preset, weights: str | None, asked: JointEmbedding) -> Preset:
    """The preset of a model that embeds picture and text together, by other weights where some are named."""
    preset = shape if shape.is_joint else PRESETS[PresetName.EMBEDDING]
    if asked != JointEmbedding() or preset.vision.joint is None:
        preset = replace(preset, vision=replace(preset.vision, joint=asked))
    if weights is None:
        return preset
    check_is_repository(weights)
    name = weights.rpartition("/")[2]
    return replace(preset, name=name, vision=replace(preset.vision, architecture=name, weights=weights))


def _is_made(folder: Path, wish: dict[str, Any]) -> bool:
    """Whether a folder holds the checkpoint that is wished for."""
    try:
        return made_by(folder) == wish
    except WikiClipError:
        return False


if __name__ == "__main__":
    run(app)
