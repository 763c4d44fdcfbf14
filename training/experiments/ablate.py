"""The paper's ablation on the default data: `python -m training.experiments.ablate`.

Each row changes one thing of the recipe and is trained on every fold with three seeds.

Axes: Q query, N record; W width of pooled vectors.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from training.data.items import NONE, ItemSource
from training.data.scenes.dataset import ScenesData, load_scenes
from training.data.scenes.folds import FOLDS, Pool
from training.learn.config import TrainConfig
from training.learn.fit import prepare
from training.learn.trainer import train
from training.measure.answers import mention_vectors
from training.measure.ranking import ranks, within
from training.measure.rows import Row, kept_row
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import home
from wikiclip.checkpoint import checkpoint_folder, read_checkpoint
from wikiclip.entity import EntityEncoder, EntityFeatures
from wikiclip.model import WikiClip
from wikiclip.presets import Preset

SEEDS = 3
STEPS = 60  # fewer than the recipe has, to keep a run with synthesized negatives within five minutes on two cores
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One row: the recipe with something changed.

    Attributes:
        paper: what the paper's own ablation has for it (INFOSEEK, 100k entities, overall), where it has it.
        config: changes to `TrainConfig`.
        pictures, texts: whether the entity encoder sees them, in training and after.
        masks: whether a mention is what its mask covers, or the whole picture.
        residual: around the adaptor's attention.
        anchor: whether a tower that knows text gives the sum that the adaptor starts from; else it is the paper's plain
            form.
    """

    name: str
    paper: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    pictures: bool = True
    texts: bool = True
    masks: bool = True
    residual: bool = True
    anchor: bool = True


ROWS = (
    Variation(name="picture only", paper=44.8, texts=False, config={"text_negatives": 0}),
    Variation(name="text only", paper=50.8, pictures=False),
    Variation(name="both", paper=59.7),
    Variation(name="both, without the residual", residual=False),
    Variation(name="both + similar batches", paper=59.7, config={"neighbours": 8}),
    Variation(name="both + synthesis", paper=58.9, config={"synthesized": 8}),
    Variation(name="both + similar batches + synthesis", paper=61.2, config={"neighbours": 8, "synthesized": 8}),
    Variation(name="both, without records' own pictures as queries", config={"own": 0}),
    Variation(name="both, without masks", masks=False),
)
# What else there is to change where the tower knows text.
ANCHORED_ROWS = (Variation(name="both, without the anchor: the paper's plain form", anchor=False),)
MEASURES = {"unseen, other photo": "unseen-other", "seen, other photo": "seen-other", "unseen, own photo": "unseen-own"}


@app.command()
def ablate(
    model: Annotated[
        str, typer.Option(help="A checkpoint's name or folder, whose towers and shape count; nothing it learned does.")
    ] = "tiny",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row.")] = SEEDS,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps on each fold; four folds make a run.")] = STEPS,
    rows_file: Annotated[Path | None, typer.Option("--rows", help="Where finished runs are kept.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the table to this file.")] = None,
) -> None:
    """Train every row of the ablation, and print mean and spread over seeds. A second call goes on where the first was
    cut off."""
    preset = read_checkpoint(checkpoint_folder(model))[0]
    if preset.adaptor is None:
        raise WikiClipError(f"Nothing of {model} is trained: make one with `wikiclip.make --entity-encoder vgka`.")
    data = load_scenes(WikiClip(preset).to(best_device()))
    kept = rows_file or home() / "ablation.jsonl"
    runs: dict[str, list[Row]] = {}
    for variation in tqdm(rows_of(preset), desc="Ablation", unit=" rows"):
        runs[variation.name] = [_run(kept, data, variation, steps, seed) for seed in range(seeds)]
    Console(width=150).print(_table(runs))
    if markdown is not None:
        write_text(markdown, markdown_table(runs))


def rows_of(preset: Preset) -> tuple[Variation, ...]:
    """The rows of a preset's ablation."""
    return ROWS if preset.fusion is None else (*ROWS, *ANCHORED_ROWS)


def _run(kept: Path, data: ScenesData, variation: Variation, steps: int, seed: int) -> Row:
    config = TrainConfig(**variation.config, steps=steps, seed=seed)
    varied = varied_data(data, variation)
    settings = [varied.model.preset.to_json(), config.to_json(), variation.pictures, variation.texts, variation.masks]
    return kept_row(kept, [*settings, data.records.fingerprint], lambda: measure(varied, variation, config))


def varied_data(data: ScenesData, variation: Variation) -> ScenesData:
    """The data with an untrained model of the variation's shape."""
    preset = data.model.preset
    assert preset.adaptor is not None
    preset = dataclasses.replace(
        preset,
        adaptor=dataclasses.replace(preset.adaptor, residual=variation.residual),
        fusion=preset.fusion if variation.anchor else None,
    )
    return dataclasses.replace(data, model=data.model.varied(preset))


def measure(data: ScenesData, variation: Variation, config: TrainConfig) -> Row:
    """Trains on every fold; returns percent at rank 1 and within 10 among the labelled records, and minutes."""
    start = time.perf_counter()
    rank_of: dict[str, list[NDArray[np.int64]]] = {measure: [] for measure in MEASURES.values()}
    for fold in range(FOLDS):
        encoder, samples = prepare(data.model, data.training_set(fold, masks=variation.masks), config)
        limited = Limited(samples.records, pictures=variation.pictures, texts=variation.texts)
        train(encoder, dataclasses.replace(samples, records=limited), config)
        vectors_NM = data.records.encode(encoder, data.labelled, pictures=variation.pictures, texts=variation.texts)
        for pool in data.pools:
            if pool.group == fold:
                rank_of[f"unseen-{pool.photo}"].append(_ranks(data, encoder, vectors_NM, pool, variation))
            elif pool.group == (fold + 1) % FOLDS and pool.photo == "other":
                rank_of["seen-other"].append(_ranks(data, encoder, vectors_NM, pool, variation))
    row = {"minutes": round((time.perf_counter() - start) / 60, 2)}
    for name, parts in rank_of.items():
        rank_Q = np.concatenate(parts)
        row |= {f"{name} {k}": round(100 * float(within(rank_Q, k).mean()), 2) for k in (1, 10)}
    return row


def _ranks(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: torch.Tensor, pool: Pool, variation: Variation
) -> NDArray[np.int64]:
    queries = data.queries([pool], test=True)
    mentions_QM = mention_vectors(encoder, queries.pooled_QW if variation.masks else queries.full_QW)
    return ranks(mentions_QM, vectors_NM, torch.from_numpy(np.searchsorted(data.labelled, queries.record_Q)))


@dataclass(frozen=True)
class Limited:
    """Records of which the encoder sees only one side."""

    source: ItemSource
    pictures: bool
    texts: bool

    def items(self, picture_I: NDArray[np.int64], text_I: NDArray[np.int64]) -> EntityFeatures:
        """As `ItemSource` has it."""
        none = np.full(len(text_I), NONE)
        return self.source.items(picture_I if self.pictures else none, text_I if self.texts else none)


def _table(runs: dict[str, list[Row]]) -> Table:
    table = Table("row", title="Rank 1 / within 10 of the labelled records, percent; mean over seeds ± spread")
    for column in (*MEASURES, "paper", "minutes a run"):
        table.add_column(column, justify="right")
    for cells in _cells(runs):
        table.add_row(*cells)
    return table


def markdown_table(runs: dict[str, list[Row]]) -> str:
    """Returns the table as Markdown."""
    head = ["row", *MEASURES, "paper", "minutes a run"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *_cells(runs)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _cells(runs: dict[str, list[Row]]) -> Sequence[list[str]]:
    papers = {variation.name: variation.paper for variation in (*ROWS, *ANCHORED_ROWS)}
    cells = []
    for name, rows in runs.items():
        figures = (
            " / ".join(_spread([row[f"{measured} {k}"] for row in rows]) for k in (1, 10))
            for measured in MEASURES.values()
        )
        paper = "-" if (figure := papers[name]) is None else f"{figure:.1f}"
        minutes = f"{np.mean([row['minutes'] for row in rows]):.1f}"
        cells.append([name, *figures, paper, minutes])
    return cells


def _spread(values: list[float]) -> str:
    """Mean and standard deviation of the runs."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.1f}"


if __name__ == "__main__":
    run(app)
