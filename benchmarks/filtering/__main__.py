"""What each filter of annotation removes and mends, by damage: `python -m benchmarks.filtering`.

Constants are chosen on the stamps of the development fold's group (`--group 0`) and checked once on the others.
"""

from typing import Annotated

import cv2
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.filtering.cases import cases, groups, places_of
from benchmarks.filtering.measure import Measured, measure, together
from training.annotate.annotator import Annotator
from training.annotate.ensemble import MENDINGS
from training.annotate.references.kinds import SeveralKinds
from training.data.scenes.folds import DEVELOPMENT_FOLD
from wikiclip.base.command import run
from wikiclip.model import WikiClip
from wikiclip.segmenters import open_segmenter

app = typer.Typer(add_completion=False)


@app.command()
def filters(
    group: Annotated[list[int] | None, typer.Option(help="Whose stamps; the development fold's if left out.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Scenes of each kind and group.")] = 40,
    second: Annotated[str, typer.Option(help="The segmenter that draws at once: tower or grabcut.")] = "tower",
    seed: Annotated[int, typer.Option(min=0, help="Which scenes.")] = 0,
) -> None:
    """Print, by damage, what was removed and mended, and how right both were."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    segmenter = open_segmenter(second, tower=WikiClip.load("tiny").vision, device="cpu")
    annotator, stamps = Annotator(segmenters=(), kinds=SeveralKinds(())), groups()
    found = [
        case
        for number in group or [DEVELOPMENT_FOLD]
        for case in cases(stamps[number], places_of(number), segmenter, count, seed=seed)
    ]
    measured = measure(found, annotator)
    console = Console(width=150)
    console.print(damage_table(measured))
    console.print(mending_table(measured))


def damage_table(measured: dict[tuple[str, str, float], Measured]) -> Table:
    """One row a damage, and one of all."""
    table = Table(title="By damage: mean IoU, shares of cases, precision and recall of the removal")
    for column in ("scenes", "damage", "strength"):
        table.add_column(column)
    for column in ("n", "IoU first", "chosen", "kept", "right first", "right kept", "yield", "precision", "recall"):
        table.add_column(column, justify="right")
    for (kind, damage, strength), figures in measured.items():
        table.add_row(kind, damage, f"{strength:g}", *_cells(figures))
    for kind in ("loose", "crowded"):
        table.add_row(
            kind, "all", "", *_cells(together([m for key, m in measured.items() if key[0] == kind])), style="bold"
        )
    return table


def mending_table(measured: dict[tuple[str, str, float], Measured]) -> Table:
    """What the filters that mend changed, by damage."""
    table = Table(title="Mended: mean IoU before and after")
    for column in ("filter", "scenes", "damage"):
        table.add_column(column)
    for column in ("n", "before", "after", "made better"):
        table.add_column(column, justify="right")
    for name in MENDINGS:
        for kind, damage in dict.fromkeys((key[0], key[1]) for key in measured):
            figures = together([m for key, m in measured.items() if key[:2] == (kind, damage)])
            changed, before, after, better = figures.mending(name)
            if changed:
                table.add_row(name, kind, damage, f"{changed}", f"{before:.3f}", f"{after:.3f}", f"{better:.1%}")
        changed, before, after, better = together(list(measured.values())).mending(name)
        table.add_row(name, "all", "all", f"{changed}", f"{before:.3f}", f"{after:.3f}", f"{better:.1%}", style="bold")
    return table


def _cells(figures: Measured) -> list[str]:
    shares = (figures.success_before, figures.success_after, figures.kept, *figures.removal)
    return [str(len(figures)), *(f"{one:.3f}" for one in figures.overlaps), *(f"{share:.1%}" for share in shares)]


if __name__ == "__main__":
    run(app)
