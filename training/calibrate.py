"""Fits confidence to one's own index: `python -m training.calibrate --index var/mine --labels labels.jsonl`.

Axes: Q query, K candidate.
"""

import shutil
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from indexer.linker import Linker
from training.data.collection.labels import LABEL_FOLDS, CollectionLabels, fold_of
from training.data.problems import Problems, checked
from training.measure import mistaken
from training.measure.answers import RankedAnswers
from training.measure.confidence import brier, ece
from training.measure.doubt import (
    ABSENT,
    FEWEST_SURE,
    SURE_RIGHT,
    Doubt,
    Doubtful,
    confidence_of,
    doubt,
    joined,
    parted,
    sure_from,
    without_some,
)
from training.measure.own_index import IndexedIds, OwnAnswers, answers_of_labels
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_folder
from wikiclip.base.machine import DeviceChoice
from wikiclip.base.paths import checkpoints_home
from wikiclip.checkpoint import checkpoint_folder, read_checkpoint, write_confidence
from wikiclip.confidence import Confidence

FEWEST_ENTITIES = 10  # of which some are taken out, in folds
PROBLEMS = "calibration.problems.jsonl"
app = typer.Typer(add_completion=False)


@app.command()
def calibrate(
    labels: Annotated[Path, typer.Option(help="JSON lines of picture, entity_id and region; see docs/collection.md.")],
    pictures: Annotated[
        Path | None, typer.Option(help="The folder that pictures are named from; the labels' own if left out.")
    ] = None,
    index: Annotated[Path | None, typer.Option(help="The folder of index versions; var/index if left out.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint that the index was made with.")] = "tiny",
    out: Annotated[
        Path | None, typer.Option(help="Where the calibrated checkpoint goes; var/checkpoints/MODEL-own if left out.")
    ] = None,
    unknown: Annotated[
        float,
        typer.Option(min=0.1, max=0.9, help="How much of what will be asked about is in no record, as a share."),
    ] = ABSENT,
    device: Annotated[DeviceChoice, typer.Option(help="Where to encode and search.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Keep the new confidence even if it is no better.")] = False,
) -> None:
    """Fit how sure the first candidate is to labelled pictures, in the index that answers.

    Of a share of the labelled entities the answers are taken as if the index did not hold them. The new confidence is
    measured on entities that it was not fitted on, and kept only where it is better than the one before. An index made
    with the checkpoint goes with the calibrated one: its vectors stay the same.
    """
    source = checkpoint_folder(model)
    out = out or checkpoints_home() / f"{Path(model).name}-own"
    expect_place(out, source)
    linker = Linker.open(source, index, device=device)
    given = CollectionLabels(labels, pictures=pictures)
    with Problems(out.parent / f"{out.name}.{PROBLEMS}") as problems:
        found = answers_of_labels(linker, list(checked(given, IndexedIds(linker.index), problems)), problems)
        typer.echo(problems.summary())
    for line in mistaken.lines(found.found, found.entity_ids):
        typer.echo(line)
    folds = without_some(by_fold(found), share=unknown)
    every = joined(folds)
    if not every.right_Q.any():
        raise WikiClipError("Not one first candidate is right: look at `training.evaluate` first, or label others.")
    after = doubt(folds)
    before = None if linker.model.confidence is None else told_by(linker.model.confidence, every)
    Console(width=120).print(table(before, after, unknown))
    if before is not None and not force and brier_of(after) >= brier_of(before):
        typer.echo("The confidence of before is as good on these labels, and stays (--force keeps the new one).")
        typer.echo(sure_line(before))
        return
    keep(confidence_of(folds), source, out)
    typer.echo(sure_line(after))
    typer.echo(f"Wrote {out}; serve with WIKICLIP_MODEL={out}.")


def by_fold(found: OwnAnswers) -> list[RankedAnswers]:
    """Splits answers by their entities' folds; folds without an entity are left out.

    Raises:
        WikiClipError: there are too few entities to measure on some what was fitted on others.
    """
    answers, folds_Q = found.answers, np.array([fold_of(entity_id) for entity_id in found.entity_ids])
    entities = len(set(found.entity_ids))
    parts = [np.flatnonzero(folds_Q == fold) for fold in range(LABEL_FOLDS)]
    parts = [part for part in parts if len(part)]
    if entities < FEWEST_ENTITIES or len(parts) < 2:
        raise WikiClipError(
            f"The labels are of {entities} entities, and a confidence is fitted on {FEWEST_ENTITIES} at least:"
            " label more."
        )
    return [
        RankedAnswers(answers.rank_Q[part], answers.entity_Q[part], answers.scores_QK[part], answers.absent_QK[part])
        for part in parts
    ]


def told_by(confidence: Confidence, every: Doubtful) -> Doubt:
    """What the confidence of before says of the same answers."""
    return Doubt(confidence(every.scores_QK[:, : confidence.candidates]), every.right_Q, every.absent_Q)


def brier_of(found: Doubt) -> float:
    """The mean squared difference of probability and outcome."""
    return brier(found.probability_Q, found.right_Q)


def sure_line(found: Doubt) -> str:
    """From which probability on the service may call itself sure."""
    probability = sure_from(found)
    if probability is None:
        return (
            f"From no probability on {SURE_RIGHT:.0%} of {FEWEST_SURE} answers or more are right: WIKICLIP_SURE stays."
        )
    told_Q = found.probability_Q >= probability
    return (
        f"Of the {told_Q.sum()} answers with {probability:.2f} or more {found.right_Q[told_Q].mean():.0%} are right:"
        f" WIKICLIP_SURE={probability:.2f} calls these sure."
    )


def table(before: Doubt | None, after: Doubt, unknown: float) -> Table:
    """Before and after, on the same answers; the new confidence's are of entities that it was not fitted on.

    Args:
        unknown: the share of entities that were taken out of the index.
    """
    asked = f"{len(after.right_Q)} labels, {unknown:.0%} of the entities taken out of the index"
    made = Table("confidence", title=f"{asked}, {after.right_Q.mean():.0%} right")
    for column in ("calibration error", "Brier", "known above unknown", "answered, at most 20% wrong"):
        made.add_column(column, justify="right")
    for name, found in (("before", before), ("after", after)):
        if found is None:
            made.add_row(name, *["none"] * 4)
            continue
        made.add_row(
            name,
            f"{ece(found.probability_Q, found.right_Q):.3f}",
            f"{brier_of(found):.3f}",
            f"{parted(found):.0%}",
            f"{found.curve.coverage_at(0.2):.0%}",
        )
    return made


def expect_place(out: Path, source: Path) -> None:
    """Raises WikiClipError where something else than this checkpoint is in the place for it."""
    if out.exists() and read_checkpoint(out)[2] != read_checkpoint(source)[2]:
        raise WikiClipError(f"{out} holds another checkpoint: name another folder with --out.")


def keep(confidence: Confidence, source: Path, out: Path) -> None:
    """Writes the confidence into a copy of the checkpoint, or into the one that is there."""
    if not out.exists():
        with appearing_folder(out) as partial:
            for path in source.iterdir():
                if path.is_file():
                    shutil.copy(path, partial / path.name)
            write_confidence(partial, confidence)
    else:
        write_confidence(out, confidence)


if __name__ == "__main__":
    run(app)
