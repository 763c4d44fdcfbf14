"""What annotated masks teach: `python -m training.experiments.annotated_masks`.

The same scenes train a model with the true masks, with those that reverse annotation makes of the picture and the
entity, and without masks; all three are asked with true ones (PL-VEL, Xu et al., AAAI 2025, section "The MaskOVEN-Wiki
Dataset Construction", has masks of this origin only).

Axes: Q mention, N labelled record; W width of pooled vectors, M of mention vectors; H, W of masks.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from training.annotate.annotator import Annotator
from training.annotate.labels import Label
from training.annotate.opening import open_segmenters
from training.annotate.overlap import iou
from training.annotate.references.kinds import SeveralKinds
from training.data.features.cache import Budget, Features, Made
from training.data.features.columns import Column
from training.data.scenes.dataset import ScenesData, load_scenes
from training.data.scenes.features import SceneSet, mention_features
from training.data.scenes.folds import DEVELOPMENT_FOLD, FOLDS, Pool, in_training
from training.data.training_set import TrainingSet
from training.learn.config import TrainConfig
from training.learn.fit import fit_encoder, prepare
from training.measure.answers import mention_vectors
from training.measure.ranking import ranks, within
from training.measure.rows import Row, kept_row
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.files import write_text
from wikiclip.base.machine import cores
from wikiclip.base.paths import home
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

Masks = Literal["true", "annotated", "annotated, unfiltered", "none"]
MASKS: tuple[Masks, ...] = get_args(Masks)
SEGMENTERS = ("patches", "windows")
MEASURES = ("unseen", "seen")  # entities, in another photograph than their record's
STEPS = 60
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Mentions:
    """The mentions of all training scenes, under each kind of mask.

    Attributes:
        pooled: of each kind of mask the tower's pooled vectors [Q, W]; zero where annotation found nothing.
        found_Q: whether annotation found anything.
        kept_Q: whether its filters let that through.
        iou_Q: of what it found with the true mask; 0 where it found nothing.
        record_Q: the row of the record that each shows.
    """

    pooled: dict[Masks, torch.Tensor]
    found_Q: NDArray[np.bool_]
    kept_Q: NDArray[np.bool_]
    iou_Q: NDArray[np.float32]
    record_Q: NDArray[np.int64]

    def usable(self, masks: Masks) -> NDArray[np.int64]:
        """Returns the mentions that have such a mask."""
        if masks == "annotated":
            return np.flatnonzero(self.kept_Q)
        return np.flatnonzero(self.found_Q) if masks == "annotated, unfiltered" else np.arange(len(self.record_Q))


@app.command()
def annotated_masks(
    seeds: Annotated[int, typer.Option(min=1, help="Runs with each kind of mask.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of a run.")] = STEPS,
    rows_file: Annotated[Path | None, typer.Option("--rows", help="Where finished runs are kept.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the table to this file.")] = None,
) -> None:
    """Train with each kind of mask on the development fold, and print mean and spread over seeds. A second call goes on
    where the first was cut off."""
    torch.set_num_threads(1)  # annotation has a thread of its own for each core
    data = load_scenes(WikiClip(PRESETS["tiny"]).to(best_device()))
    mentions = training_mentions(data, DEVELOPMENT_FOLD)
    torch.set_num_threads(cores())
    kept = rows_file or home() / "annotated-masks.jsonl"
    runs: dict[Masks, list[Row]] = {masks: [] for masks in MASKS}
    for seed in tqdm(range(seeds), desc="Training", unit=" seeds"):
        for masks in MASKS:
            config = TrainConfig(steps=steps, seed=seed)
            key = [masks, config.to_json(), data.model.preset.to_json(), data.records.fingerprint]
            row = kept_row(kept, key, partial(measure, data, mentions, masks, config))
            runs[masks].append(row)
    print(summary(mentions))
    lines = table(runs)
    Console(width=120).print(_shown(lines))
    if markdown is not None:
        write_text(markdown, "".join("| " + " | ".join(cells) + " |\n" for cells in _ruled(lines)))


def training_mentions(data: ScenesData, fold: int) -> Mentions:
    """Sees all scenes on photographs of places that a fold may train on, and annotates them, with a progress bar.

    The annotator's entities are those of an encoder that was fitted to whole pictures and not trained, so that nothing
    of the true masks is in it.
    """
    pools = [pool for pool in data.pools if in_training(pool, fold)]
    sets = [data.scenes(pool, test=False, mark="true") for pool in pools]
    true = [mention_features(data.model, scenes) for scenes in sets]
    record_Q = np.concatenate([_records_of(data, pool)[seen.stamp_Q] for pool, seen in zip(pools, true, strict=True)])
    full_QW = torch.from_numpy(np.concatenate([seen.full_QW for seen in true]))
    settled = _training_set(data, full_QW, record_Q, fold)
    encoder, _ = prepare(data.model, settled, TrainConfig())
    leading = data.model.varied(data.model.preset)
    leading.entity = encoder
    vectors_NM = F.normalize(data.records.encode(encoder, data.labelled), dim=-1).cpu().numpy()
    ids = [data.records.entities[int(row)].entity_id for row in data.labelled]
    vectors = dict(zip(ids, vectors_NM.astype(np.float32), strict=True))
    annotator = Annotator(
        segmenters=open_segmenters(SEGMENTERS, leading, "cpu"), kinds=SeveralKinds([]), vector_of=vectors.get
    )
    annotated = [_annotated(data, annotator, scenes, pool) for scenes, pool in zip(sets, pools, strict=True)]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([part for features in annotated for part in features.get(name, _every(features))])

    pooled_QW = torch.from_numpy(joined("pooled_QW"))
    return Mentions(
        pooled={
            "true": torch.from_numpy(np.concatenate([seen.pooled_QW for seen in true])),
            "annotated": pooled_QW,
            "annotated, unfiltered": pooled_QW,
            "none": full_QW,
        },
        found_Q=joined("fate_Q") > 0,
        kept_Q=joined("fate_Q") > 1,
        iou_Q=joined("iou_Q").astype(np.float32),
        record_Q=record_Q,
    )


def measure(data: ScenesData, mentions: Mentions, masks: Masks, config: TrainConfig) -> Row:
    """Trains with a kind of mask; returns percent at rank 1 and within 10 among the labelled records, asked with true
    masks."""
    chosen_Q = mentions.usable(masks)
    pooled_QW = mentions.pooled[masks][torch.from_numpy(chosen_Q)]
    trained_on = _training_set(data, pooled_QW, mentions.record_Q[chosen_Q], DEVELOPMENT_FOLD)
    encoder = fit_encoder(data.model, trained_on, config)
    vectors_NM = data.records.encode(encoder, data.labelled)
    row: Row = {}
    for measured, group in zip(MEASURES, (DEVELOPMENT_FOLD, (DEVELOPMENT_FOLD + 1) % FOLDS), strict=True):
        pools = [pool for pool in data.pools if pool.group == group and pool.photo == "other"]
        queries = data.queries(pools, test=True, mark="true")
        right_Q = torch.from_numpy(np.searchsorted(data.labelled, queries.record_Q))
        rank_Q = ranks(mention_vectors(encoder, queries.pooled_QW), vectors_NM, right_Q)
        row |= {f"{measured} {k}": round(100 * float(within(rank_Q, k).mean()), 2) for k in (1, 10)}
    return row


def summary(mentions: Mentions) -> str:
    """How the annotation came out, in one line for a person."""
    found, kept, right = mentions.found_Q, mentions.kept_Q, mentions.iou_Q >= 0.5
    return (
        f"{len(found):,} mentions: {found.mean():.1%} found, {right[found].mean():.1%} of these right (IoU of at least"
        f" 0.5); {kept.mean():.1%} kept, {right[kept].mean():.1%} of these right, mean IoU"
        f" {mentions.iou_Q[kept].mean():.3f}."
    )


def table(runs: dict[Masks, list[Row]]) -> list[list[str]]:
    """Rows of cells, the head first: mean and spread over seeds, and how much of the gap between no masks and true ones
    is closed at rank 1, where there is one beyond the spread."""
    lines = [["masks", *(f"{measured}, rank 1 / within 10" for measured in MEASURES), "gap closed"]]
    for masks, rows in runs.items():
        figures = (
            " / ".join(_spread([row[f"{measured} {k}"] for row in rows]) for k in (1, 10)) for measured in MEASURES
        )
        gaps = (_closed(runs, masks, f"{measured} 1") for measured in MEASURES)
        lines.append([masks, *figures, ", ".join(gaps)])
    return lines


def _closed(runs: dict[Masks, list[Row]], masks: Masks, name: str) -> str:
    values = {kind: [row[name] for row in rows] for kind, rows in runs.items()}
    gap = np.mean(values["true"]) - np.mean(values["none"])
    spread = max(_deviation(values[kind]) for kind in ("true", "none"))
    if gap <= spread or masks in ("true", "none"):
        return "-"
    return f"{(np.mean(values[masks]) - np.mean(values['none'])) / gap:.0%}"


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f} ± {_deviation(values):.1f}"


def _shown(lines: Sequence[Sequence[str]]) -> Table:
    shown = Table(lines[0][0], title="Asked with true masks, percent; mean over seeds ± spread")
    for column in lines[0][1:]:
        shown.add_column(column, justify="right")
    for cells in lines[1:]:
        shown.add_row(*cells)
    return shown


def _ruled(lines: Sequence[list[str]]) -> list[list[str]]:
    return [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]


def _training_set(data: ScenesData, pooled_QW: torch.Tensor, record_Q: NDArray[np.int64], fold: int) -> TrainingSet:
    unseen = data.group(fold)
    return TrainingSet(
        records=data.records,
        pooled=lambda numbers: pooled_QW[torch.from_numpy(numbers)],
        record_Q=record_Q,
        own=data.labelled,
        text_only=np.setdiff1d(np.arange(len(data.records)), data.labelled),
        class_rows=np.where(np.isin(data.imagenet_rows, unseen), -1, data.imagenet_rows),
    )


def _records_of(data: ScenesData, pool: Pool) -> NDArray[np.int64]:
    return np.array([data.records.row_of(stamp.entity_id) for stamp in pool.stamps], np.int64)


def _every(features: Features) -> NDArray[np.int64]:
    return np.arange(features.rows)


def _annotated(data: ScenesData, annotator: Annotator, scenes: SceneSet, pool: Pool) -> Features:
    """What annotation makes of each scene's mentions, in their order; kept as other features are."""
    entity_of = {stamp.path: stamp.entity_id for stamp in pool.stamps}
    slots, width = scenes.config.distractors[1] + 1, data.model.vision.pooled_width
    return Features(
        f"annotated-{scenes.name}",
        {
            "vision": asdict(data.model.preset.vision),
            "mention": asdict(data.model.preset.mention),
            "records": data.records.fingerprint,
            "segmenters": SEGMENTERS,
            "thresholds": asdict(annotator.thresholds),
            **scenes.key(),
        },
        rows=len(scenes),
        columns=(
            Column(name="pooled_QW", shape=(width,), dtype="float32", always=True, most=slots),
            Column(name="fate_Q", shape=(), dtype="uint8", always=True, most=slots),  # 0 not found, 1 dropped, 2 kept
            Column(name="iou_Q", shape=(), dtype="float32", always=True, most=slots),
        ),
        make=lambda numbers: _annotate(data.model, annotator, scenes, entity_of, numbers),
        budget=Budget(0),
        step=16,
    )


def _annotate(
    model: WikiClip, annotator: Annotator, scenes: SceneSet, entity_of: dict[str, str], numbers: NDArray[np.int64]
) -> Made:
    def one(number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
        scene = scenes.scene(number)
        ids = [entity_of[placed.path.relative_to(scenes.root).as_posix()] for placed in scene.placed]
        labels = [
            Label(data_id=str(place), picture=Path(), file_name="", entity=entity_id, entity_id=entity_id)
            for place, entity_id in enumerate(ids)
        ]
        pooled_QW = np.zeros((len(ids), model.vision.pooled_width), np.float32)
        fate_Q, iou_Q = np.zeros(len(ids), np.uint8), np.zeros(len(ids), np.float32)
        shape = scene.picture.height, scene.picture.width
        for place, answers in enumerate(annotator.answers(scene.picture, labels)):
            choice = annotator.ensemble(answers, None, shape)
            if choice is not None:
                fate_Q[place] = 2 if annotator.is_kept(choice) else 1
                iou_Q[place] = iou(choice.mask, scene.placed[place].mask)
                prepared = model.prepare_mention(scene.picture, choice.mask)
                pooled_QW[place] = model.pool_mentions([prepared]).cpu().numpy()[0]
        return pooled_QW, fate_Q, iou_Q

    with ThreadPoolExecutor(cores()) as pool:
        made = list(pool.map(one, numbers.tolist()))
    return {name: [each[place] for each in made] for place, name in enumerate(("pooled_QW", "fate_Q", "iou_Q"))}


if __name__ == "__main__":
    run(app)
