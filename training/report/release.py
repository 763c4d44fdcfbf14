"""What a release's questions came to: printed, and as report.html, report.json and predictions."""

import json
import resource
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import typer
from rich.console import Console

from indexer.search import EntityIndex
from training.data.annotated import AnnotatedData
from training.measure.quality import quality_table, table_rows
from training.measure.releases.annotated_answers import Predicted, predictions_of, score_of
from training.measure.releases.oven_score import OvenScore, oven_table
from training.measure.releases.predictions import write_predictions
from training.report.examples import searched_examples
from training.report.page import write_report
from wikiclip.base.files import write_text
from wikiclip.model import WikiClip

console = Console(width=170)


def write_release_report(
    folder: Path,
    model: WikiClip,
    asked: AnnotatedData,
    index: EntityIndex,
    found: Sequence[Predicted],
    *,
    notes: Sequence[str],
    seconds: Mapping[str, float],
) -> None:
    """Prints tables and writes the report's files.

    Args:
        asked: the set that examples are taken from.
        found: the answers of all methods to all sets.
        notes: paragraphs for the head of the page.
        seconds: what each step took.
    """
    rows = list(table_rows({each.cell: [each.answers] for each in found}, None))
    console.print(quality_table(rows))
    scores = dict[str, OvenScore]()
    (folder / "predictions").mkdir(exist_ok=True)
    for (data, method), cells in groupby(found, key=lambda each: (each.cell.data, each.cell.method)):
        parts = list(cells)
        scores[f"{data}: {method}"] = score_of(parts)
        write_predictions(folder / "predictions" / f"{_plain(f'{data} {method}')}.jsonl", predictions_of(parts))
    console.print(oven_table(scores))
    settings = {
        "model": {"name": model.name, "fingerprint": model.fingerprint},
        "entities": len(index),
        "seconds": {step: round(taken, 1) for step, taken in seconds.items()},
        "most_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    report = {"notes": notes, **settings, "rows": rows, "scores": {name: one.to_json() for name, one in scores.items()}}
    write_text(folder / "report.json", json.dumps(report, indent=1) + "\n")
    write_report(
        folder / "report.html",
        title=f"OVEN by {model.name}",
        settings=settings,
        metrics=[],
        rows=rows,
        examples=list(searched_examples(model, asked, index)),
        notes=notes,
        scores=scores,
    )
    typer.echo(f"Wrote {folder / 'report.html'}, {folder / 'report.json'} and {folder / 'predictions'}/")


def _plain(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name).split())
