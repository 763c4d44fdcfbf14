"""Measures linking quality: `python -m training.evaluate --data scenes`."""

import json
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from indexer.command import run
from training.answers import Answers, Cell, answers_of_fold
from training.config import TrainConfig
from training.data.dataset import ScenesData, load_scenes
from training.data.folds import DEVELOPMENT_FOLD, FOLDS
from training.frozen import FORMS, best_form
from training.ranking import RANKS, Interval, bootstrap, harmonic_mean, within
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

Results = dict[Cell, list[Answers]]  # a cell's answers, fold by fold
app = typer.Typer(add_completion=False)


class DataName(StrEnum):
    """The data sets that can be measured on."""

    SCENES = "scenes"


@app.command()
def evaluate(
    data: Annotated[DataName, typer.Option(help="Which data set.")] = DataName.SCENES,
    preset: Annotated[str, typer.Option(help="Which pair of backbones.")] = "tiny",
    steps: Annotated[int, typer.Option(help="Training steps of each fold's model.")] = TrainConfig.steps,
    seed: Annotated[int, typer.Option(help="Of training.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the table as JSON rows.")] = None,
) -> None:
    """Train a model a fold, and print how well it links against plain baselines of the same run.

    No published checkpoint is measured: it has seen every entity. Each fold's model is made by the same recipe without
    the entities that the fold calls unseen.
    """
    del data  # there is one so far
    scenes = load_scenes(WikiClip(PRESETS[preset]))
    config = TrainConfig(steps=steps, seed=seed)
    frozen = scenes.with_mention(best_form(scenes))
    results: Results = defaultdict(list)
    for fold in range(FOLDS):
        for cell, answers in answers_of_fold(scenes, frozen, fold, config):
            results[cell].append(answers)
    rows = list(table_rows(results, scenes))
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    console = Console(width=150)
    console.print(quality_table(rows))
    console.print(f"image: frozen features in the best of {len(FORMS)} forms, {frozen.model.preset.mention}")
    console.print(*differences(results), sep="\n", highlight=False)


def table_rows(results: Results, data: ScenesData) -> Iterator[dict[str, Any]]:
    """The table, a dictionary a row; percentages of n."""
    for cell, folds in sorted(results.items()):
        rank_Q = np.concatenate([answers.rank_Q for answers in folds])
        entity_Q = np.concatenate([answers.entity_Q for answers in folds])
        for imagenet, kept_Q in (
            ("all", np.full(len(entity_Q), True)),
            ("without", ~np.isin(entity_Q, data.imagenet_rows)),
        ):
            first = bootstrap(within(rank_Q[kept_Q], 1), entity_Q[kept_Q])
            yield {
                "method": cell.method,
                "split": cell.split,
                "photo": cell.photo,
                "record": cell.record,
                "imagenet": imagenet,
                "candidates": cell.candidates,
                "n": int(kept_Q.sum()),
                "n_entities": len(np.unique(entity_Q[kept_Q])),
                **{f"r{k}": round(100 * float(within(rank_Q[kept_Q], k).mean()), 2) for k in RANKS},
                "r1_lo": round(first.low, 2),
                "r1_hi": round(first.high, 2),
            }


def quality_table(rows: list[dict[str, Any]]) -> Table:
    """Seen, unseen and their harmonic mean side by side."""
    settings = ("photo", "record", "candidates", "imagenet", "method")
    table = Table(*settings, title="Right entity at rank 1 / 5 / 10, percent")
    for column in ("seen", "unseen", "harmonic mean", "unseen: queries (entities)"):
        table.add_column(column, justify="right")
    cells: dict[tuple[str, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        cells[tuple(row[name] for name in settings)][row["split"]] = row
    for key, splits in sorted(cells.items()):
        unseen, seen = splits["unseen"], splits.get("seen")
        means = [harmonic_mean(seen[f"r{k}"], unseen[f"r{k}"]) for k in RANKS] if seen else None
        table.add_row(
            *key,
            " / ".join(f"{seen[f'r{k}']:.1f}" for k in RANKS) if seen else "-",
            " / ".join(f"{unseen[f'r{k}']:.1f}" for k in RANKS),
            " / ".join(f"{mean:.1f}" for mean in means) if means else "-",
            f"{unseen['n']} ({unseen['n_entities']})",
        )
    return table


def differences(results: Results) -> Iterator[str]:
    """The model against the raw picture on unseen entities in another photograph, paired query by query."""
    model = results[Cell("model", "unseen", "other", "full", "labelled")]
    image = results[Cell("image", "unseen", "other", "full", "labelled")]
    yield "Model minus raw picture, unseen entities, another photograph, labelled candidates, points [95% interval]:"
    for name, folds in (
        ("all folds", range(FOLDS)),
        (f"without the development fold {DEVELOPMENT_FOLD}", [f for f in range(FOLDS) if f != DEVELOPMENT_FOLD]),
    ):
        parts = []
        for k in RANKS:
            gain = np.concatenate([within(model[f].rank_Q, k) - within(image[f].rank_Q, k) for f in folds])
            interval: Interval = bootstrap(gain, np.concatenate([model[f].entity_Q for f in folds]))
            parts.append(f"rank {k}: {interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]")
        yield f"  {name}: " + ", ".join(parts)


if __name__ == "__main__":
    run(app)
