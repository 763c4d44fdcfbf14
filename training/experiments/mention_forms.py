"""Compares ways to make a vector of a masked region: `python -m training.experiments.mention_forms`."""

import dataclasses
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training.data.scenes.dataset import load_scenes
from training.data.scenes.folds import DEVELOPMENT_FOLD
from training.measure.frozen import FORMS, LEVELS, frozen_ranks, in_form
from training.measure.ranking import RANKS, bootstrap, within
from wikiclip.base.command import run
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, PooledLevels

app = typer.Typer(add_completion=False)


@app.command()
def mentions(
    image_size: Annotated[int, typer.Option(help="Pixels along each side of the tower's input.")] = 224,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="Not only the development fold.")] = False,
) -> None:
    """Print how often each form of mention finds the right entity in another photograph, by frozen features."""
    preset = PRESETS["tiny"]
    preset = dataclasses.replace(preset, vision=dataclasses.replace(preset.vision, image_size=image_size))
    data = load_scenes(WikiClip(preset))
    pools = [pool for pool in data.pools if pool.photo == "other" and (all_folds or pool.group == DEVELOPMENT_FOLD)]
    which = "all folds" if all_folds else f"fold {DEVELOPMENT_FOLD}"
    table = Table(
        "form", "margin", "background kept", "pooled by", title=f"Frozen features at {image_size} px, {which}"
    )
    for column in (*(f"rank {k}" for k in RANKS), "rank 1, 95% interval"):
        table.add_column(column, justify="right")
    ways = [*((form, None) for form in FORMS), *((preset.mention, levels) for levels in LEVELS)]
    for form, levels in ways:
        rank_Q, entity_Q = frozen_ranks(in_form(data, form, levels), pools)
        first = bootstrap(within(rank_Q, 1), entity_Q)
        shares = (f"{100 * within(rank_Q, k).mean():.1f}" for k in RANKS)
        cropped = form.form in ("crop", "both")
        settings = (f"{form.margin:g}", f"{form.background:g}") if cropped else ("-", "-")
        table.add_row(form.form, *settings, _pooling(levels), *shares, f"{first.low:.1f} to {first.high:.1f}")
    Console(width=140).print(table)


def _pooling(levels: PooledLevels | None) -> str:
    if levels is None:
        return "the tower"
    stages = ", ".join(str(stage) for stage in levels.stages)
    return f"last (power {levels.power:g}) + {levels.weight:g} x stages {stages}"


if __name__ == "__main__":
    run(app)
