"""Chooses the recipe's settings on the development fold: `python -m training.experiments.choose`.

One setting after the other, in a fixed order: each of its values is trained with everything else as chosen so far.

Axes: Q query, N record, M mention width.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from training.data.scenes.dataset import ScenesData, load_scenes
from training.data.scenes.folds import DEVELOPMENT_FOLD
from training.learn.config import TrainConfig
from training.learn.fit import fit_encoder
from training.measure.answers import mention_vectors
from training.measure.ranking import RANKS, ranks, within
from training.measure.rows import Row, kept_row
from wikiclip.base.command import run
from wikiclip.base.paths import home
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, Preset

SETTINGS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("text_weight", (4.0, 2.0, 8.0)),
    ("shrinkage", (5.0, 20.0)),
    ("drop_picture", (0.1, 0.0, 0.3)),
    ("drop_text", (0.05, 0.0)),
)
TOLD_APART = 0.25  # points of score by which a value must be ahead of the first to be chosen
AMONG = ("", "_more")
DISTRACTORS = 3000  # records without a picture beside the labelled ones, drawn once
app = typer.Typer(add_completion=False)
Recipe = dict[str, float]


@app.command()
def choose(
    seeds: Annotated[int, typer.Option(help="Runs of each recipe.")] = 2,
    rows_file: Annotated[Path | None, typer.Option("--rows", help="Where finished runs are kept.")] = None,
) -> None:
    """Train with each value of each setting, and print how well the development fold's unseen entities are linked.

    The score that chooses is the mean of rank 1 and within 10, among the labelled records, and among these and 3,000
    records without a picture.
    What is run once is kept: a second call goes on where the first was cut off.
    """
    data = load_scenes(WikiClip(PRESETS["tiny"]))
    rows_file = rows_file or home() / "choose.jsonl"
    table = Table("setting", "value", title="Unseen entities of the development fold, another photograph: rank 1 / 10")
    for column in ("labelled", "and 3,000 others", "score"):
        table.add_column(column, justify="right")
    chosen = {name: values[0] for name, values in SETTINGS}
    for name, values in SETTINGS:
        scores = {}
        for value in values:
            runs = [_run(rows_file, data, {**chosen, name: value}, seed) for seed in range(seeds)]
            mean = {key: float(np.mean([row[key] for row in runs])) for key in runs[0]}
            scores[value] = float(np.mean([mean[f"r{k}{asked}"] for k in (1, 10) for asked in AMONG]))
            cells = (f"{mean[f'r1{asked}']:.1f} / {mean[f'r10{asked}']:.1f}" for asked in AMONG)
            table.add_row(name, f"{value:g}", *cells, f"{scores[value]:.2f}")
        best = max(scores, key=scores.__getitem__)
        chosen[name] = best if scores[best] > scores[values[0]] + TOLD_APART else values[0]
        table.add_section()
    console = Console(width=120)
    console.print(table)
    console.print("Chosen:", json.dumps(chosen), highlight=False)


def _run(rows_file: Path, data: ScenesData, recipe: Recipe, seed: int) -> Row:
    """The row of one run, from the file or by running it."""
    preset, config = _settled(data.model.preset, recipe, seed)

    def make() -> Row:
        row = _measure(dataclasses.replace(data, model=data.model.varied(preset)), config)
        typer.echo(f"{json.dumps(recipe)} seed {seed}: {json.dumps(row)}", err=True)
        return row

    return kept_row(rows_file, [preset.to_json(), config.to_json(), data.records.fingerprint], make)


def _measure(data: ScenesData, config: TrainConfig) -> Row:
    encoder = fit_encoder(data.model, data.training_set(DEVELOPMENT_FOLD), config)
    (pool,) = (pool for pool in data.pools if (pool.group, pool.photo) == (DEVELOPMENT_FOLD, "other"))
    queries = data.queries([pool], test=True)
    mentions_QM = mention_vectors(encoder, queries.pooled_QW)
    others = np.setdiff1d(np.arange(len(data.records)), data.labelled)
    drawn = np.random.default_rng(0).choice(others, size=min(DISTRACTORS, len(others)), replace=False)
    row: Row = {}
    for asked, rows_N in zip(AMONG, (data.labelled, np.union1d(data.labelled, drawn)), strict=True):
        vectors_NM = data.records.encode(encoder, rows_N)
        rank_Q = ranks(mentions_QM, vectors_NM, torch.from_numpy(np.searchsorted(rows_N, queries.record_Q)))
        row |= {f"r{k}{asked}": round(100 * float(within(rank_Q, k).mean()), 2) for k in RANKS}
    return row


def _settled(preset: Preset, recipe: Recipe, seed: int) -> tuple[Preset, TrainConfig]:
    """What the settings mean: `text_weight` belongs to the model's shape, the others to its training."""
    assert preset.space is not None
    of_training = {name: value for name, value in recipe.items() if name != "text_weight"}
    preset = dataclasses.replace(preset, space=dataclasses.replace(preset.space, text_weight=recipe["text_weight"]))
    return preset, TrainConfig(**of_training, seed=seed)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(app)
