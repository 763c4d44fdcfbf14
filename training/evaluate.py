"""Measures linking quality: `python -m training.evaluate`.

A subcommand says what is measured, and on what; where none is given, the options of the call choose it.
"""

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from typer.core import TyperGroup

from indexer.search import EntityIndex
from training.data.releases.release import Part
from training.data.scenes.dataset import load_scenes
from training.data.source import ASKED_OF, DataName, DataOptions, annotated_data
from training.learn.config import TrainConfig
from training.measure.answers import Cell
from training.measure.doubt import (
    confidence_of,
    doubt,
    doubt_lines,
    doubt_row,
    doubt_table,
    doubtful_marks,
    joined,
    without_some,
)
from training.measure.frozen import CONTENDERS, best_form, in_form
from training.measure.quality import Results, compared, differences, marks_table, quality_table, table_rows
from training.measure.recipe import answers_of_recipe, recipe_of
from training.measure.releases.absent import tell_absent
from training.measure.releases.annotated_answers import ModelPredicted, answers_of_set, predictions_of, score_of
from training.measure.releases.oven_score import oven_table
from training.measure.releases.predictions import write_predictions
from training.measure.releases.recall import recall_rows, recall_table
from training.measure.scenes_answers import answers_of_checkpoint
from training.options import with_options
from training.report.reliability import draw_reliability
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import home, index_home
from wikiclip.checkpoint import made_by, write_confidence
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, PresetName

RECIPE = "recipe"
RELEASES = {
    DataName.OVEN: "OVEN",
    DataName.MASKOVEN: "MaskOVEN-Wiki",
    DataName.INFOSEEK: "InfoSeek",
    DataName.ENCYCLOPEDIC_VQA: "Encyclopedic-VQA",
}
# The default data is where `make demo-data` puts it: of what there is to say of a data set, only this is left.
FIXED_FOR_SCENES = {field.name: field.default for field in fields(DataOptions) if field.name != "cache_gb"}

console = Console(width=150)

Measured = Annotated[Path, typer.Option("--checkpoint", help="The checkpoint to measure.")]
Against = Annotated[Path | None, typer.Option(help="Another checkpoint, to print the differences to.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write the table as JSON rows.")]


class ChosenByOptions(TyperGroup):
    """Subcommands that a call without one chooses by `--data` and `--checkpoint`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the subcommand, or puts the one in front that the options choose; see `with_subcommand`."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = with_subcommand(args, {name: _names(command) for name, command in self.commands.items()})
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def with_subcommand(args: list[str], options: dict[str, set[str]]) -> list[str]:
    """Puts the subcommand in front that a call's options choose; `--data` itself goes, because its value is the name.

    Args:
        args: of a call without a subcommand.
        options: the subcommands' names -> their options' names.

    Raises:
        WikiClipError: an option belongs to another subcommand, or a checkpoint is missing.
        typer.BadParameter: there is no such data set.
    """
    data, rest, words = str(DataName.SCENES), list[str](), iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--data":
            data = value if equals else next(words, "")
        else:
            rest.append(word)
    if data not in [*DataName]:
        raise typer.BadParameter(f"{data!r} is not one of {', '.join(DataName)}.", param_hint="--data")
    given = [name for name in (word.partition("=")[0] for word in rest) if name.startswith("--")]
    chosen = RECIPE if data == DataName.SCENES and "--checkpoint" not in given else data
    known = {"--fold"}.union(*options.values())  # each fold is measured, and a checkpoint knows its own
    for name in given:
        if name in known - options[chosen]:
            raise WikiClipError(f"{name} does not apply here: see --help for what it belongs to.")
    if data != DataName.SCENES and not {"--checkpoint", "--help"} & {*given}:
        raise WikiClipError(f"Name what to measure on {data} with --checkpoint DIR.")
    return [chosen, *rest]


def _names(command: Any) -> set[str]:
    return {"--help"}.union(*([*option.opts, *option.secondary_opts] for option in command.params))


app = typer.Typer(add_completion=False, cls=ChosenByOptions, rich_markup_mode="markdown")


@app.callback()
def evaluate() -> None:
    """Print how well mentions are linked, against the whole knowledge base.

    Options alone choose the command: `--data` names `scenes`, `oven`, `maskoven`, `infoseek` or `encyclopedic-vqa`, and
    without a `--checkpoint` it is `recipe` that is measured. `COMMAND --help` lists what else each one takes.
    """


@app.command(RECIPE)
@with_options(fixed=FIXED_FOR_SCENES, source=DataOptions, config=TrainConfig)
def recipe(
    *,
    preset: Annotated[PresetName, typer.Option(help="Which pair of backbones.")] = PresetName.TINY,
    against: Annotated[
        Path | None, typer.Option(help="A checkpoint, to print the differences to what its recipe gives.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Where the folds' training runs are kept; var/runs/evaluate if left out.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="A checkpoint of the same recipe, in which to keep the fitted confidence.")
    ] = None,
    drawn_in: Annotated[
        Path | None, typer.Option("--reliability", help="Also draw how far confidence holds, as an SVG file.")
    ] = None,
    json_file: JsonFile = None,
    source: DataOptions,
    config: TrainConfig,
) -> None:
    """Measure a recipe on the default data.

    A model a fold is trained by the recipe, without the entities that the fold calls unseen, and held against plain
    baselines of the same run. What is trained already is not trained again.
    """
    runs = runs or home() / "runs" / "evaluate"
    other = None if against is None else recipe_of(against)
    data = load_scenes(WikiClip(PRESETS[preset]).to(best_device()), cache_gb=source.cache_gb)
    frozen = in_form(data, best_form(data))
    results = answers_of_recipe(data, frozen, PRESETS[preset], config, runs)
    rows = _print_table(results, data.imagenet_rows)
    console.print(f"image: frozen features in the best of {len(CONTENDERS)} forms, {frozen.model.preset.mention}")
    _print_lines(differences(results))
    if other is not None:
        theirs = answers_of_recipe(data, frozen, *other, runs)
        _print_differences(f"This recipe minus that of {against}", results, theirs)
    marked = doubtful_marks(results)
    together = [joined(parts) for parts in zip(*marked.values(), strict=True)]
    drawn = doubt(without_some(results[Cell("model", "unseen", "other")]), together)
    by_mark = {mark: doubt(folds, together) for mark, folds in marked.items()}
    _print_lines(doubt_lines(drawn))
    console.print(doubt_table(by_mark))
    if calibrate is not None:
        write_confidence(calibrate, confidence_of(together))
    if drawn_in is not None:
        draw_reliability([*by_mark.items()], drawn_in)
    doubts = [doubt_row(drawn), *(doubt_row(found, mark) for mark, found in by_mark.items())]
    _write_json(json_file, [*rows, *doubts])


@app.command(DataName.SCENES)
@with_options(fixed=FIXED_FOR_SCENES, source=DataOptions)
def scenes(*, checkpoint: Measured, against: Against = None, json_file: JsonFile = None, source: DataOptions) -> None:
    """Measure a checkpoint on the default data.

    A checkpoint that was trained on everything has seen all of its entities; one that left out a fold has not.
    """

    def answers(directory: Path) -> tuple[Results, NDArray[np.int64]]:
        data = load_scenes(WikiClip.load(directory).to(best_device()), cache_gb=source.cache_gb)
        fold = made_by(directory).get("data", {}).get("fold")
        return {cell: [found] for cell, found in answers_of_checkpoint(data, fold)}, data.imagenet_rows

    results, imagenet_rows = answers(checkpoint)
    rows = _print_table(results, imagenet_rows)
    if against is not None:
        _print_differences(f"{checkpoint} minus {against}", results, answers(against)[0])
    _write_json(json_file, rows)


def release(
    *,
    checkpoint: Measured,
    index: Annotated[
        Path | None, typer.Option(help="The checkpoint's index of the knowledge base; var/index if left out.")
    ] = None,
    against: Against = None,
    against_index: Annotated[Path | None, typer.Option(help="The same of the other checkpoint.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Also write predictions in the rows of OVEN's scorer.")
    ] = None,
    json_file: JsonFile = None,
    source: DataOptions,
) -> None:
    """Measures a checkpoint on a release's mentions."""

    def answers(directory: Path, versions: Path | None) -> tuple[Results, list[ModelPredicted]]:
        model = WikiClip.load(directory).to(best_device())
        opened = EntityIndex.open(versions or index_home(), fingerprint=model.fingerprint)
        data = annotated_data(model, source, source.part or Part.VAL, records=False)
        found = list(answers_of_set(data, model, opened))
        tell_absent(opened, (truth.entity_id for part in found for truth in part.truths))
        return {part.cell: [part.answers] for part in found}, found

    results, found = answers(checkpoint, index)
    if source.data in ASKED_OF:
        rows = list(recall_rows(results))
        console.print(recall_table(rows))
    else:
        rows = _print_table(results, None)
        console.print(oven_table({str(checkpoint): score_of(found)}))
    if predictions is not None:
        write_predictions(predictions, predictions_of(found))
    if against is not None:
        _print_differences(f"{checkpoint} minus {against}", results, answers(against, against_index)[0])
    _write_json(json_file, rows)


for data_name, title in RELEASES.items():
    about = f"Measure a checkpoint on {title}'s mentions, with the search that is served and an index of all entities."
    fixed = {"data": data_name, "fold": None, "labels": None} | ({} if data_name in ASKED_OF else {"kb": None})
    app.command(data_name, help=about)(with_options(fixed=fixed, source=DataOptions)(release))


def _print_table(results: Results, imagenet_rows: NDArray[np.int64] | None) -> list[dict[str, Any]]:
    rows = list(table_rows(results, imagenet_rows))
    console.print(quality_table([row for row in rows if "mark" not in row]))
    if marked := [row for row in rows if "mark" in row]:
        console.print(marks_table(marked))
    return rows


def _print_differences(title: str, ours: Results, theirs: Results) -> None:
    _print_lines([f"{title}, points [95% interval]:", *compared(ours, theirs)])


def _print_lines(lines: Iterable[str]) -> None:
    console.print(*lines, sep="\n", highlight=False)


def _write_json(path: Path | None, rows: list[dict[str, Any]]) -> None:
    if path is not None:
        write_text(path, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    run(app)
