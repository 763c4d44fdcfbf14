"""From OVEN's files to a table: `python -m training.oven --data DIR --model clip`.

Each step goes on where it was stopped: the sample, the index, the mentions' features, the answers.
"""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from indexer import build
from indexer.kb import KnowledgeBaseName
from indexer.kb.oven import PICTURES as ENTITY_PICTURES
from indexer.kb.oven import RECORD_FILES, Oven
from indexer.search import EntityIndex
from training.data.annotation import TASKS
from training.data.oven import PATHS, OvenAnnotations
from training.data.release import PICTURES, Part
from training.data.sample import sample_release
from training.data.source import DataName, DataOptions, annotated_data
from training.measure.annotated_answers import answers_of_set
from training.measure.oven_score import oven_score, oven_table
from training.measure.predictions import write_predictions
from training.measure.quality import quality_table, table_rows
from training.report.examples import searched_examples
from training.report.page import write_report
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import home
from wikiclip.model import WikiClip

app = typer.Typer(add_completion=False)
console = Console(width=150)


@app.command()
def oven(
    *,
    data: Annotated[Path, typer.Option(help="The folder of the release: records, annotations and pictures.")],
    model: Annotated[str, typer.Option(help="The name of a checkpoint, or its folder.")] = "clip",
    part: Annotated[Part, typer.Option(help="The part to measure on.")] = Part.VAL,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Measure on so many questions, among the entities asked about and as many others."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where all of it is kept; var/runs/oven-MODEL if left out.")] = None,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Take a checkpoint that was trained on the default data.")
    ] = False,
) -> None:
    """Check a release, build its index, ask its questions, and write a report, as HTML and as JSON."""
    if part in (Part.TRAIN, Part.WIKI):
        raise WikiClipError(f"--part {part} is there to train on; measure on val, test or human.")
    name = Path(model).name + ("" if sample is None else f"-{sample}")
    into = home() / "runs" / f"oven-{name}" if out is None else out
    console.print(what_is_there(data))
    seconds = dict[str, float]()
    annotations, records, notes = data, _records_in(data), list[str]()
    if sample is not None:
        with _timed(seconds, "sample"):
            full = OvenAnnotations(data, part=part, images=data), Oven(records, images=_pictured(data))
            annotations = into / f"sample-{part}"
            cut = sample_release(*full, annotations, questions=sample)
        records = _records_in(annotations)
        notes.append(
            f"A sample: {cut.questions:,} questions among {cut.asked:,} entities that they ask about and {cut.others:,}"
            " others. Among all six million the same questions are harder."
        )
        typer.echo(notes[-1])
    # The build may take days, and what is missing of the questions is said before.
    OvenAnnotations(annotations, part=part, images=data)
    with _timed(seconds, "index"):
        build.build(
            kb=KnowledgeBaseName.OVEN,
            records=records,
            images=_pictured(data),
            model=model,
            out=into / "index",
            any_model=any_model,
        )
    options = DataOptions(data=DataName.OVEN, part=part, annotations=annotations, records=records, images=data)
    loaded = WikiClip.load(model).to(best_device())
    with _timed(seconds, "questions"):
        asked = annotated_data(loaded, options, part, records=False)
    with _timed(seconds, "answers"):
        index = EntityIndex.open(into / "index", fingerprint=loaded.fingerprint)
        found = list(answers_of_set(asked, loaded.entity, index))
    predicted = {data_id: entity_id for each in found for data_id, entity_id in each.predictions.items()}
    write_predictions(into / "predictions.jsonl", predicted)
    rows = list(table_rows({each.cell: [each.answers] for each in found}, None))
    console.print(quality_table(rows))
    report: dict[str, Any] = {"notes": notes, "entities": len(index), "part": str(part), "rows": rows}
    truths = [truth for each in found for truth in each.truths]
    if all(truth.task is not None for truth in truths):
        score = oven_score(truths, predicted)
        console.print(oven_table(score))
        report["score"] = asdict(score) | {
            "entity_hm": score.entity.harmonic_mean,
            "query_hm": score.query.harmonic_mean,
            "final": score.final,
        }
        entity, query = (_said(task.harmonic_mean) for task in (score.entity, score.query))
        notes.append(f"OVEN's score: {entity} entity, {query} query, {_said(score.final)} together.")
    report["seconds"] = {step: round(taken, 1) for step, taken in seconds.items()}
    report["most_memory_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    report["model"] = {"name": loaded.name, "fingerprint": loaded.fingerprint}
    write_text(into / "report.json", json.dumps(report, indent=1) + "\n")
    write_report(
        into / "report.html",
        title=f"OVEN {part} by {loaded.name}",
        settings={"model": report["model"], "seconds": report["seconds"], "entities": len(index)},
        metrics=[],
        rows=rows,
        examples=list(searched_examples(loaded, asked, index)),
        notes=notes,
    )
    typer.echo(f"Wrote {into / 'report.html'} and {into / 'report.json'}")


def what_is_there(data: Path) -> Table:
    """Which files of a release are in a folder; nothing of them is read."""
    table = Table("what", "where", "there", title=f"OVEN in {data}")
    record_file = next((name for name in RECORD_FILES if (data / name).is_file()), None)
    table.add_row("records", " or ".join(RECORD_FILES[:2]), record_file or "no")
    table.add_row("their pictures (optional)", ENTITY_PICTURES, _folders(data / ENTITY_PICTURES))
    for part in (Part.TRAIN, Part.VAL, Part.TEST):
        for task in TASKS:
            name = f"oven_{task}_{part}.jsonl"
            there = [each for each in (name, f"{name}.gz") if (data / each).is_file()]
            table.add_row(f"{task}, {part}", name, there[0] if there else "no")
    table.add_row("human", "oven_human.jsonl", "yes" if (data / "oven_human.jsonl").is_file() else "no")
    table.add_row("pictures asked about", PICTURES, _folders(data / PICTURES))
    table.add_row("their paths (optional)", PATHS, "yes" if (data / PATHS).is_file() else "no")
    return table


def _folders(folder: Path) -> str:
    return f"{sum(1 for _ in folder.iterdir()):,} folders" if folder.is_dir() else "no"


def _records_in(folder: Path) -> Path:
    for name in RECORD_FILES:
        if (folder / name).is_file():
            return folder / name
    raise WikiClipError(f"None of {', '.join(RECORD_FILES)} is in {folder}: fetch the records of OVEN's release.")


def _pictured(data: Path) -> Path | None:
    """Where the records' pictures are named from; None where there are none."""
    return data if (data / ENTITY_PICTURES).is_dir() else None


def _said(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = time.monotonic() - start


if __name__ == "__main__":
    run(app)
