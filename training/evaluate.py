"""Measures linking quality: `python -m training.evaluate --data scenes`."""

import json
from collections import defaultdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexer.command import run
from indexer.files import write_text
from indexer.paths import home
from training.config import TrainConfig
from training.data.dataset import load_scenes
from training.data.folds import FOLDS
from training.doubt import confidence_of, doubt, doubt_lines, without_some
from training.frozen import FORMS, best_form
from training.options import with_options
from training.quality import Results, differences, quality_table, table_rows
from training.scenes_answers import Cell, answers_of_fold
from wikiclip.checkpoint import write_confidence
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, PresetName

app = typer.Typer(add_completion=False)


class DataName(StrEnum):
    """The data sets that can be measured on."""

    SCENES = "scenes"


@app.command()
@with_options(config=TrainConfig)
def evaluate(
    *,
    data: Annotated[DataName, typer.Option(help="Which data set.")] = DataName.SCENES,
    preset: Annotated[PresetName, typer.Option(help="Which pair of backbones.")] = PresetName.TINY,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the table as JSON rows.")] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Where the folds' runs are kept; var/runs/evaluate if left out.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="A checkpoint of the same recipe, in which to keep the fitted confidence.")
    ] = None,
    config: TrainConfig,
) -> None:
    """Train a model a fold, and print how well it links against plain baselines of the same run.

    No published checkpoint is measured: it has seen every entity. Each fold's model is made by the same recipe without
    the entities that the fold calls unseen.
    """
    del data  # there is one so far
    scenes = load_scenes(WikiClip(PRESETS[preset]))
    frozen = scenes.with_mention(best_form(scenes))
    results: Results = defaultdict(list)
    for fold in range(FOLDS):
        for cell, answers in answers_of_fold(scenes, frozen, fold, config, runs or home() / "runs" / "evaluate"):
            results[cell].append(answers)
    rows = list(table_rows(results, scenes.imagenet_rows))
    if json_file is not None:
        write_text(json_file, json.dumps(rows, indent=1) + "\n")
    console = Console(width=150)
    console.print(quality_table(rows))
    console.print(f"image: frozen features in the best of {len(FORMS)} forms, {frozen.model.preset.mention}")
    console.print(*differences(results), sep="\n", highlight=False)
    doubtful = without_some(results[Cell("model", "unseen", "other", "full", "all")])
    console.print(*doubt_lines(doubt(doubtful)), sep="\n", highlight=False)
    if calibrate is not None:
        write_confidence(calibrate, confidence_of(doubtful))


if __name__ == "__main__":
    run(app)
