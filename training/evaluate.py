"""Measures linking quality: `python -m training.evaluate`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexer.search import EntityIndex
from training.data.release import Part
from training.data.scenes.dataset import load_scenes
from training.data.source import DataName, DataOptions, annotated_data
from training.learn.config import TrainConfig
from training.measure.annotated_answers import Predicted, answers_of_set
from training.measure.answers import Cell
from training.measure.doubt import confidence_of, doubt, doubt_lines, doubt_row, without_some
from training.measure.frozen import CONTENDERS, best_form, in_form
from training.measure.oven_score import oven_score, oven_table
from training.measure.predictions import write_predictions
from training.measure.quality import Results, compared, differences, quality_table, table_rows
from training.measure.recipe import answers_of_recipe, recipe_of
from training.measure.scenes_answers import answers_of_checkpoint
from training.options import with_options
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import home, index_home
from wikiclip.checkpoint import made_by, write_confidence
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, PresetName

app = typer.Typer(add_completion=False)
console = Console(width=150)


@app.command()
@with_options(source=DataOptions, config=TrainConfig)
def evaluate(
    *,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Measure this checkpoint; if left out, models trained by the recipe (scenes).")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Another checkpoint, to print the differences to; of its recipe where --checkpoint is left out."
        ),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="The checkpoint's index of the knowledge base (oven, maskoven).")
    ] = None,
    against_index: Annotated[Path | None, typer.Option(help="The same of the other checkpoint.")] = None,
    preset: Annotated[
        PresetName, typer.Option(help="Which pair of backbones, without a checkpoint.")
    ] = PresetName.TINY,
    runs: Annotated[
        Path | None, typer.Option(help="Where the folds' training runs are kept; var/runs/evaluate if left out.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="A checkpoint of the same recipe, in which to keep the fitted confidence.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the table as JSON rows.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Also write predictions in the rows of OVEN's scorer (oven, maskoven).")
    ] = None,
    source: DataOptions,
    config: TrainConfig,
) -> None:
    """Print how well mentions are linked, against the whole knowledge base.

    On scenes without a checkpoint, a model a fold is trained by the recipe, without the entities that the fold calls
    unseen, and held against plain baselines of the same run. A checkpoint that was trained on everything has seen all
    of the default data's entities; one that was trained with `--fold` has not.
    """
    recipe = source.data == DataName.SCENES and checkpoint is None
    for option, given, applies in (
        ("--fold", source.fold is not None, False),  # each fold is measured, and a checkpoint knows its own
        ("--index", index is not None or against_index is not None, source.data != DataName.SCENES),
        ("--predictions", predictions is not None, source.data != DataName.SCENES),
        ("--calibrate", calibrate is not None, recipe),
        ("--runs", runs is not None, recipe),
    ):
        if given and not applies:
            raise WikiClipError(f"{option} does not apply here: see --help for what it belongs to.")
    if source.data != DataName.SCENES:
        if checkpoint is None:
            raise WikiClipError(f"Name what to measure on {source.data} with --checkpoint DIR.")
        rows = _annotated(source, checkpoint, index, against, against_index, predictions)
    elif checkpoint is not None:
        rows = _scenes_checkpoint(source, checkpoint, against)
    else:
        runs = runs or home() / "runs" / "evaluate"
        rows = _scenes_recipe(preset, config, source.cache_gb, runs, against=against, calibrate=calibrate)
    if json_file is not None:
        write_text(json_file, json.dumps(rows, indent=1) + "\n")


def _scenes_recipe(
    preset: PresetName,
    config: TrainConfig,
    cache_gb: float,
    runs: Path,
    *,
    against: Path | None,
    calibrate: Path | None,
) -> list[dict[str, object]]:
    other = None if against is None else recipe_of(against)
    data = load_scenes(WikiClip(PRESETS[preset]).to(best_device()), cache_gb=cache_gb)
    frozen = in_form(data, best_form(data))
    results = answers_of_recipe(data, frozen, PRESETS[preset], config, runs)
    rows = list(table_rows(results, data.imagenet_rows))
    console.print(quality_table(rows))
    console.print(f"image: frozen features in the best of {len(CONTENDERS)} forms, {frozen.model.preset.mention}")
    console.print(*differences(results), sep="\n", highlight=False)
    if other is not None:
        console.print(f"This recipe minus that of {against}, points [95% interval]:", highlight=False)
        console.print(*compared(results, answers_of_recipe(data, frozen, *other, runs)), sep="\n", highlight=False)
    doubtful = without_some(results[Cell("model", "unseen", "other")])
    found = doubt(doubtful)
    console.print(*doubt_lines(found), sep="\n", highlight=False)
    if calibrate is not None:
        write_confidence(calibrate, confidence_of(doubtful))
    return [*rows, doubt_row(found)]


def _scenes_checkpoint(source: DataOptions, checkpoint: Path, against: Path | None) -> list[dict[str, object]]:
    def answers(directory: Path) -> tuple[Results, list[dict[str, object]]]:
        data = load_scenes(WikiClip.load(directory).to(best_device()), cache_gb=source.cache_gb)
        fold = made_by(directory).get("data", {}).get("fold")
        results = {cell: [found] for cell, found in answers_of_checkpoint(data, fold)}
        return results, list(table_rows(results, data.imagenet_rows))

    results, rows = answers(checkpoint)
    console.print(quality_table(rows))
    if against is not None:
        console.print(f"{checkpoint} minus {against}, points [95% interval]:", highlight=False)
        console.print(*compared(results, answers(against)[0]), sep="\n", highlight=False)
    return rows


def _annotated(
    source: DataOptions,
    checkpoint: Path,
    index: Path | None,
    against: Path | None,
    against_index: Path | None,
    predictions: Path | None,
) -> list[dict[str, object]]:
    def answers(directory: Path, home: Path | None) -> tuple[Results, list[Predicted]]:
        model = WikiClip.load(directory).to(best_device())
        opened = EntityIndex.open(home or index_home(), fingerprint=model.fingerprint)
        data = annotated_data(model, source, source.part or Part.VAL)
        found = list(answers_of_set(data, model.entity, opened))
        return {part.cell: [part.answers] for part in found}, found

    results, found = answers(checkpoint, index)
    predicted = {data_id: entity_id for part in found for data_id, entity_id in part.predictions.items()}
    truths = [truth for part in found for truth in part.truths]
    rows = list(table_rows(results, None))
    console.print(quality_table(rows))
    if all(truth.task is not None for truth in truths):
        console.print(oven_table(oven_score(truths, predicted)))
    if predictions is not None:
        write_predictions(predictions, predicted)
    if against is not None:
        console.print(f"{checkpoint} minus {against}, points [95% interval]:", highlight=False)
        console.print(*compared(results, answers(against, against_index)[0]), sep="\n", highlight=False)
    return rows


if __name__ == "__main__":
    run(app)
