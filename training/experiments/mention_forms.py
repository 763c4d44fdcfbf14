"""Compares ways to make a vector of a masked region: `python -m training.experiments.mention_forms`.

Without a subcommand it is by the true masks of drawn scenes, and with `marks` by the masks that people make.
"""

import dataclasses
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from training.data.scenes.dataset import load_scenes
from training.data.scenes.folds import DEVELOPMENT_FOLD, Photo
from training.data.scenes.marks import MARKS
from training.experiments.form_rows import BY_MARK, NAMES, Asked, FormRow, FormRows, Way, form_table, named
from training.measure.frozen import FORMS, LEVELS, frozen_ranks, in_form
from training.measure.ranking import RANKS, bootstrap, within
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import home
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, MentionConfig, PooledLevels

app = typer.Typer(add_completion=False, invoke_without_command=True)
console = Console(width=160)


@app.callback()
def mentions(
    context: typer.Context,
    image_size: Annotated[int, typer.Option(help="Pixels along each side of the tower's input.")] = 224,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="Not only the development fold.")] = False,
) -> None:
    """Print how often each form of mention finds the right entity in another photograph, by frozen features."""
    if context.invoked_subcommand is not None:
        return
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


@app.command()
def marks(
    scenes: Annotated[
        int | None, typer.Option(min=1, help="Scenes of other photographs for each mark, at most; all if left out.")
    ] = None,
    own_scenes: Annotated[int | None, typer.Option(min=1, help="The same of records' own photographs.")] = None,
    only: Annotated[str | None, typer.Option(help="Forms of the table by their names, with commas between.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Also ask this checkpoint of tiny's towers, a name or a folder, as it is.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Also train with each form, so many times; 0 trains nothing.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of a training.")] = 60,
    rows_file: Annotated[Path | None, typer.Option("--rows", help="Where finished rows are kept.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
) -> None:
    """Print how each form of mention links things that people mark, on photographs of places, in the development fold.

    By the tower's frozen features among the labelled records; where --checkpoint names one, by its encoder; and where
    --seeds asks for it by a model that is trained with the form. A second call goes on where the first was cut off.
    """
    forms = dict(BY_MARK)
    if only is not None:
        if unknown := sorted({*only.split(",")} - forms.keys()):
            raise WikiClipError(f"There is no form {unknown[0]!r} in the table: take some of {', '.join(forms)}.")
        forms = {name: forms[name] for name in only.split(",")}
    torch.set_num_threads(1)  # the views are few at a time: more threads would wait for each other
    data = load_scenes(WikiClip(PRESETS["tiny"]))
    most: dict[Photo, int] = {}
    if scenes is not None:
        most["other"] = scenes
    if own_scenes is not None:
        most["own"] = own_scenes
    rows = FormRows(data, list(forms.values()), kept=rows_file or home() / "mention-forms.jsonl", most=most)
    found: list[FormRow] = []
    for mark in MARKS:  # all forms of one mark share their pictures
        found += [rows.frozen(form, asked, mark) for asked in Asked for form in forms.values()]
    model = WikiClip.load(checkpoint) if checkpoint is not None else None
    if model is not None:
        found += [rows.by_checkpoint(model, form, *of) for form in forms.values() for of in product(Asked, MARKS)]
    for form in forms.values():
        found += [row for seed in range(seeds) for row in rows.trained(form, seed, steps)]
    ways: list[Way] = list(dict.fromkeys(row.way for row in found))
    for way, asked in product(ways, Asked):
        console.print(form_table(found, way, asked))
    _print_differences(rows, list(forms.values()), model)
    if json_file is not None:
        write_text(json_file, json.dumps([named(row) for row in found], indent=1) + "\n")


def _print_differences(rows: FormRows, forms: Sequence[MentionConfig], model: WikiClip | None) -> None:
    """By how much each form is ahead of the first."""
    console.print(
        f"Minus {NAMES[forms[0]]}, people's masks, other photographs, points [95% interval]: rank 1, within 10"
    )
    for asked in (None,) if model is None else (None, model):
        for form in forms[1:]:
            first, tenth = rows.ahead(form, forms[0], asked)
            way = "frozen" if asked is None else "checkpoint"
            console.print(f"  {way}, {NAMES[form]}: {first}, {tenth}", highlight=False, markup=False)


def _pooling(levels: PooledLevels | None) -> str:
    if levels is None:
        return "the tower"
    stages = ", ".join(str(stage) for stage in levels.stages)
    return f"last (power {levels.power:g}) + {levels.weight:g} x stages {stages}"


if __name__ == "__main__":
    run(app)
