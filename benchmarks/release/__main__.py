"""The command line: `python -m benchmarks.release --out DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import benchmarks_home
from benchmarks.release.faults import Fault
from benchmarks.release.publishing import Plan
from benchmarks.release.write import write_release
from indexer.kb.oven import RELEASED_RECORDS
from wikiclip.base.command import run

app = typer.Typer(add_completion=False)


@app.command()
def release(
    out: Annotated[Path | None, typer.Option(help="The release's folder; var/benchmarks/release if left out.")] = None,
    records: Annotated[int, typer.Option(min=2, help="Records of the knowledge base.")] = RELEASED_RECORDS,
    questions: Annotated[int, typer.Option(min=1, help="Questions in each of the seven files of them.")] = 10_000,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures that are asked about.")] = 20_000,
    mask_gb: Annotated[float, typer.Option(min=0, help="GB that mask_oven_entity_train.json has at least.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed gives other records.")] = 0,
    fault: Annotated[list[Fault] | None, typer.Option(help="What shall be wrong with it; may be given again.")] = None,
) -> None:
    """Write a release of OVEN's and MaskOVEN-Wiki's form. A run that was stopped goes on where it was."""
    folder = out or benchmarks_home() / "release"
    plan = Plan(
        records=records, questions=questions, pictures=pictures, mask_gb=mask_gb, seed=seed, faults=tuple(fault or ())
    )
    write_release(folder, plan)
    size = sum(path.stat().st_size for path in folder.glob("*.*"))
    typer.echo(f"{folder}: {records:,} records, {size / 1e9:.2f} GB beside the pictures.")


if __name__ == "__main__":
    run(app)
