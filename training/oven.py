"""From OVEN's files to a table: `python -m training.oven --data DIR --model clip`.

Each step goes on where it was stopped: the sample, the index, the mentions' features, the answers.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from indexer import build
from indexer.building.choice import AUTO
from indexer.kb import KnowledgeBaseName
from indexer.kb.oven import PICTURES as ENTITY_PICTURES
from indexer.kb.oven import RECORD_FILES, Oven
from indexer.reranking import Reranker
from indexer.search import EntityIndex
from training.data.annotation import TASKS
from training.data.prompts import Prompt
from training.data.releases.maskoven import file_names_of
from training.data.releases.oven import TEST_DATA
from training.data.releases.oven_pictures import PATHS
from training.data.releases.release import PICTURES, Part
from training.data.releases.sample import Sample, sample_release
from training.measure.releases.annotated_answers import Predicted, answers_of_set
from training.measure.releases.codes import Codes, read_codes
from training.measure.releases.release_set import ReleaseSet, sets_in
from training.measure.releases.reranked_answers import reranked_answers
from training.measure.releases.systems import answers_of_system, read_system
from training.report.release import write_release_report
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import home
from wikiclip.checkpoint import checkpoint_folder, read_checkpoint
from wikiclip.model import WikiClip

app = typer.Typer(add_completion=False)
console = Console(width=150)


@app.command()
def oven(
    *,
    data: Annotated[Path, typer.Option(help="The folder of the release: records, annotations and pictures.")],
    model: Annotated[str, typer.Option(help="The name of a checkpoint, or its folder.")] = "clip",
    part: Annotated[
        list[Part] | None, typer.Option(help="Parts to measure on, each with --part; val if left out.")
    ] = None,
    prompt: Annotated[
        list[Prompt] | None,
        typer.Option(
            help="What says what a question is about, each with --prompt; all that the files have if left out."
        ),
    ] = None,
    question_weight: Annotated[
        float, typer.Option(min=0, help="Of the question beside the picture, for the prompt `text`.")
    ] = 1.0,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="Another system's answers for the same table, as NAME=FILE: ids, ranked ids, codes or names."
        ),
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="Which entity has which code, for systems that give these.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Measure on so many questions, among the entities asked about and as many others."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where all of it is kept; var/runs/oven-MODEL if left out.")] = None,
    index_kind: Annotated[
        str, typer.Option("--index", help="How vectors are kept and searched, as indexer.build has it.")
    ] = AUTO,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Take a checkpoint that was trained on the default data.")
    ] = False,
    rerank: Annotated[
        str | None,
        typer.Option(help="Also by a cross-encoder of the first candidates: hf-hub:OWNER/NAME or local-dir:PATH."),
    ] = None,
    rerank_k: Annotated[int, typer.Option(min=2, max=100, help="How many candidates it looks at.")] = 20,
) -> None:
    """Check a release, build its index, ask its questions, and write a report, as HTML and as JSON."""
    files_of_systems = [_named(text) for text in system or []]
    code_of = None if codes is None else read_codes(codes)
    name = Path(model).name + ("" if sample is None else f"-{sample}")
    into = home() / "runs" / f"oven-{name}" if out is None else out
    console.print(what_is_there(data))
    reranker = None if rerank is None else Reranker.open(rerank, k=rerank_k)  # first: hours may lie before its turn
    sets, records, notes, seconds = sets_in(data, part or [Part.VAL]), records_in(data), list[str](), dict[str, float]()
    prompts = _prompts(prompt, model, sets)
    annotated = [each.annotations(data) for each in sets]  # the build may take days: what is missing is said before
    if sample is not None:
        with _timed(seconds, "sample"):
            cut = sample_release(annotated, Oven(records, images=_pictured(data)), into / "sample", questions=sample)
        sets, records = [each.in_folder(into / "sample") for each in sets], records_in(into / "sample")
        notes.append(_said_of(cut))
        typer.echo(notes[-1])
    with _timed(seconds, "index"):
        build.build(
            kb=KnowledgeBaseName.OVEN,
            records=records,
            images=_pictured(data),
            model=model,
            out=into / "index",
            index=index_kind,
            any_model=any_model,
        )
    loaded = WikiClip.load(model).to(best_device())
    index = EntityIndex.open(into / "index", fingerprint=loaded.fingerprint)
    found: list[Predicted] = []
    for each in sets:
        for asked_by in each.prompts(prompts):
            with _timed(seconds, "questions"):
                asked = each.open(loaded, records, data, asked_by)
            asking = each.asking(loaded.name, asked_by, question_weight)
            with _timed(seconds, "answers"):
                answers = list(answers_of_set(asked, loaded, index, asking))
            found += answers
            if reranker is not None:
                with _timed(seconds, "reranking"):
                    found += reranked_answers(asked, loaded, index, answers, asking, reranker)
    with _timed(seconds, "systems"):
        for named, path in files_of_systems:
            found += _of_system(named, path, code_of, loaded, sets, records, data)
    if reranker is not None:
        notes.append(f"Reranked: the first {rerank_k} in the order of {rerank}, sha256 {reranker.scorer.sha256}.")
    write_release_report(into, loaded, asked, index, found, notes=notes, seconds=seconds)


def _prompts(wanted: list[Prompt] | None, model: str, sets: Sequence[ReleaseSet]) -> list[Prompt]:
    """The prompts to ask with; all that the model can read where none is wished for.

    Raises:
        WikiClipError: the model reads no questions, or none of the sets can be asked with any of them.
    """
    preset = read_checkpoint(checkpoint_folder(model))[0]
    reads = [prompt for prompt in Prompt if prompt != Prompt.TEXT or preset.fusion is not None]
    prompts = wanted or reads
    if unread := [prompt for prompt in prompts if prompt not in reads]:
        raise WikiClipError(f"The model {preset.name} compares no texts with mentions: leave --prompt {unread[0]} out.")
    if not any(each.prompts(prompts) for each in sets):
        raise WikiClipError(
            f"--prompt {', '.join(prompts)} needs the masks of MaskOVEN-Wiki beside OVEN's files: fetch these, or ask"
            " with none or text."
        )
    return prompts


def _of_system(
    name: str,
    path: Path,
    codes: Codes | None,
    model: WikiClip,
    sets: Sequence[ReleaseSet],
    records: Path,
    images: Path,
) -> Iterator[Predicted]:
    """The answers of a file to those sets that it answers.

    Raises:
        WikiClipError: it answers none of them.
    """
    opened = [each.open(model, records, images, each.prompts([*Prompt])[0]) for each in sets]
    answers = read_system(name, path, opened[0].records.entities, opened[0].records.fingerprint, codes)
    parts = [part for each in opened for part in answers_of_system(each, answers)]
    answered = {part.cell.data for part in parts if part.predictions}
    if not answered:
        raise WikiClipError(
            f"{path} answers none of the questions that were asked: look at its data_ids and at --part."
        )
    return (part for part in parts if part.cell.data in answered)


def what_is_there(data: Path) -> Table:
    """Which files of a release are in a folder; nothing of them is read."""
    table = Table("what", "where", "there", title=f"OVEN in {data}")
    record_file = next((name for name in RECORD_FILES if (data / name).is_file()), None)
    table.add_row("records", " or ".join(RECORD_FILES[:2]), record_file or "no")
    table.add_row("their pictures (optional)", ENTITY_PICTURES, _folders(data / ENTITY_PICTURES))
    names = {
        f"{task}, {part}": f"oven_{task}_{part}.jsonl" for part in (Part.TRAIN, Part.VAL, Part.TEST) for task in TASKS
    }
    for what, name in {**names, "human": "oven_human.jsonl"}.items():
        places = (f"{TEST_DATA}/{name}", f"{TEST_DATA}/{name}.gz", name, f"{name}.gz")
        table.add_row(what, name, next((place for place in places if (data / place).is_file()), "no"))
    for part in Part:
        for name in file_names_of(part):
            table.add_row(f"masks, {part}", name, "yes" if (data / name).is_file() else "no")
    table.add_row("pictures asked about", PICTURES, _folders(data / PICTURES))
    table.add_row("their paths (optional)", PATHS, "yes" if (data / PATHS).is_file() else "no")
    return table


def records_in(folder: Path) -> Path:
    """The file of records in a folder of the release.

    Raises:
        WikiClipError: there is none.
    """
    for name in RECORD_FILES:
        if (folder / name).is_file():
            return folder / name
    raise WikiClipError(f"None of {', '.join(RECORD_FILES)} is in {folder}: fetch the records of OVEN's release.")


def _folders(folder: Path) -> str:
    return f"{sum(1 for _ in folder.iterdir()):,} folders" if folder.is_dir() else "no"


def _pictured(data: Path) -> Path | None:
    """Where the records' pictures are named from; None where there are none."""
    return data if (data / ENTITY_PICTURES).is_dir() else None


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise WikiClipError(f"--system is NAME=FILE, not {text!r}.")
    if not Path(path).is_file():
        raise WikiClipError(f"There is no file {path} with the answers of {name}.")
    return name, Path(path)


def _said_of(sample: Sample) -> str:
    return (
        f"A sample: {sample.questions:,} questions among {sample.asked:,} entities that they ask about and"
        f" {sample.others:,} others. Among all six million the same questions are harder."
    )


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.monotonic() - start


if __name__ == "__main__":
    run(app)
