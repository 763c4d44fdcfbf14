"""Masks for pictures of which only the entity is known: `python -m training.data annotate`, and what came of it."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.annotate.filters.thresholds import Thresholds
from training.annotate.job import Wish, open_job
from training.annotate.judge.judgements import read_judgements, success_table
from training.annotate.judge.page import cards, with_bar, write_page
from training.annotate.judge.sample import allocation, sample
from training.annotate.run import annotate as run_job
from training.annotate.statistics.count import Statistics
from training.annotate.statistics.rows import every
from training.annotate.statistics.sources import open_sources
from training.annotate.statistics.tables import tables
from training.annotate.yields import yield_table
from training.data.releases.release import Part
from training.data.source import Tasks
from training.processes import tell
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice

app = typer.Typer(add_completion=False, help=__doc__)
PAPERS_SAMPLE = 2000

Annotations = Annotated[
    list[Path] | None, typer.Option(help="Files in MaskOVEN's format; the option may be given several times.")
]
Paths = Annotated[
    Path | None, typer.Option(help="OVEN's ovenid2impath.csv, which tells what data set each picture is of.")
]


class Release(StrEnum):
    """The sets that have entities and no masks."""

    OVEN = "oven"


@app.command()
def annotate(
    out: Annotated[Path, typer.Option(help="The file of masks to write, in MaskOVEN's format.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="A file with a JSON object a line: picture, entity and, where known, entity_id, question."),
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="The folder that labels name pictures from.")] = None,
    data: Annotated[Release | None, typer.Option(help="A release to annotate in place of --labels.")] = None,
    part: Annotated[Part, typer.Option(help="Which part of the release.")] = Part.TRAIN,
    tasks: Annotated[Tasks, typer.Option(help="Which task of the release; a file of masks has one.")] = Tasks.ENTITY,
    annotations: Annotated[Path | None, typer.Option(help="The folder of the release's annotations.")] = None,
    records: Annotated[Path | None, typer.Option(help="The release's knowledge base, whose titles are looked for.")] = (
        None
    ),
    images: Annotated[Path | None, typer.Option(help="The folder above oven_images.")] = None,
    index: Annotated[Path | None, typer.Option(help="The index that entities' vectors are taken from.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint that made it: a name or a folder.")] = "tiny",
    segmenter: Annotated[str, typer.Option(help="Whose mask is taken where both agree and are as sure.")] = "patches",
    second: Annotated[str, typer.Option(help="The segmenter that is held against it.")] = "windows",
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="What a segmenter must be sure by for its mask to be kept.")
    ] = Thresholds().sure,
    device: Annotated[DeviceChoice, typer.Option(help="Where segmenters work.")] = "auto",
    wikidata: Annotated[
        Path | None, typer.Option(help="P31 and P279 as TSV or Parquet with the columns entity, property and value.")
    ] = None,
    wikidata_labels: Annotated[Path | None, typer.Option(help="The values' names: columns entity and label.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first label that cannot be read.")] = False,
) -> None:
    """Make a mask for each picture and entity; a run that was stopped goes on where it was."""
    if data is None and labels is None:
        raise WikiClipError("Name what to annotate: --labels FILE with --pictures DIR, or --data oven.")
    made = run_job(
        open_job(
            Wish(
                out=out,
                labels=labels,
                pictures=pictures,
                part=part if data is not None else None,
                tasks=tasks,
                annotations=annotations,
                records=records,
                images=images,
                index=index,
                model=model,
                segmenters=(segmenter, second),
                thresholds=Thresholds(sure=confidence),
                device=device,
                wikidata=wikidata,
                wikidata_labels=wikidata_labels,
                strict=strict,
            )
        )
    )
    Console().print(yield_table(made.counts))
    tell(
        f"{made.out} {'is made' if made.anew else 'was made before, from the same'}; {made.problems} lists what could"
        " not be read."
    )


@app.command()
def statistics(
    annotations: Annotations = None,
    paths: Paths = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Print a set's Tables 2, 6 and 7 and the histogram of areas, as the paper of MaskOVEN-Wiki has them."""
    counted = Statistics()
    with open_sources(paths) as source_of:
        counted.add(every(_named(annotations)), source_of)
    if counted.unreadable or counted.regionless:
        tell(f"{counted.unreadable:,} annotations and the regions of {counted.regionless:,} others cannot be read.")
    by_task = {task: counted.entities_of(task) for task in dict.fromkeys(task for _, task in counted.columns)}
    sampled = allocation(by_task, PAPERS_SAMPLE)
    if as_json:
        typer.echo(json.dumps(counted.to_json() | {"table_6": sampled}))
        return
    for table in tables(counted, sampled):
        Console(width=max(120, Console().width)).print(table)


@app.command()
def judge(
    annotations: Annotations = None,
    pictures: Annotated[Path | None, typer.Option(help="The folder that the files name pictures from.")] = None,
    sample_size: Annotated[int, typer.Option("--sample", min=1, help="How many annotations to judge.")] = 100,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("judge.html"),
    paths: Paths = None,
    seed: Annotated[int, typer.Option(help="Which sample.")] = 0,
    judgements: Annotated[
        Path | None, typer.Option(help="What the page saved: prints the success rate, and writes no page.")
    ] = None,
) -> None:
    """Write a page on which a sample is judged by key, or count what was judged on it."""
    if judgements is not None:
        Console(width=max(100, Console().width)).print(success_table(read_judgements(judgements).judgements))
        return
    if pictures is None:
        raise WikiClipError("A page needs --pictures DIR, the folder that the files name pictures from.")
    left_out: list[str] = []
    with open_sources(paths) as source_of:
        chosen = sample(every(_named(annotations)), sample_size, seed=seed)
        shown = list(cards(with_bar(chosen), pictures, source_of, left_out))
    if not shown:
        raise WikiClipError(f"None of {len(chosen)} annotations can be shown: {(left_out or ['there are none'])[0]}")
    write_page(out, shown, title=f"{len(shown)} masks to judge")
    if left_out:
        tell(f"{len(left_out)} of {len(chosen)} cannot be shown, the first {left_out[0]}")
    tell(f"Open {out} in a browser.")


def _named(annotations: list[Path] | None) -> list[Path]:
    if not annotations:
        raise WikiClipError("Name the files of masks with --annotations FILE.")
    return annotations


if __name__ == "__main__":
    run(app)
