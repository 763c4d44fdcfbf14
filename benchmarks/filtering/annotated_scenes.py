"""Scenes of stamps on photographs as a folder of pictures and labels, whose true masks are known.

oven_images/00/*.png   the pictures
labels.jsonl           what each shows, for `python -m training.data annotate`
records.jsonl          the entities of all stamps, for `python -m indexer.build --kb jsonl`
truth.json             the true masks, in the format that annotation ends in
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.filtering.cases import places_of
from indexer.kb.record import Entity
from indexer.kb.wordnet.knowledge_base import WordNet
from training.data.scenes.compose import SceneConfig, compose
from training.data.scenes.folds import make_pools
from training.data.scenes.places import cut_place
from wikiclip.base.paths import debian_root
from wikiclip.masks import Mask, encode_rle

CONFIG = SceneConfig(distractors=(0, 3), stamp=(0.35, 0.75))
LEAST = 0.005  # of the picture that a thing covers


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A thing in a picture: its label and its true mask [H, W]."""

    picture: Path
    data_id: str
    entity: str
    entity_id: str
    truth: Mask


def write_scenes(folder: Path, group: int, count: int, *, seed: int = 0) -> list[Shown]:
    """Writes pictures, labels, records and truth, and returns what is shown; the same for the same seed."""
    kb = WordNet(debian_root())
    assert kb.image_root is not None
    by_id = {record.entity_id: record for record in kb.records() if isinstance(record, Entity) and record.images}
    record_of = {entity_id: record.images[0] for entity_id, record in by_id.items()}
    stamps = {
        kb.image_root / stamp.path: by_id[stamp.entity_id]
        for pool in make_pools(kb.stamps, record_of)
        if pool.group == group
        for stamp in pool.stamps
    }
    (folder / "oven_images/00").mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "records.jsonl", (_record(record) for record in by_id.values()))
    shown = list(_scenes(folder, stamps, places_of(group), count, seed))
    labels = (
        {
            "picture": one.picture.relative_to(folder / "oven_images").as_posix(),
            "entity": one.entity,
            "entity_id": one.entity_id,
            "data_id": one.data_id,
        }
        for one in shown
    )
    _write_lines(folder / "labels.jsonl", labels)
    truth = {one.data_id: encode_rle(one.truth) for one in shown}
    (folder / "truth.json").write_text(json.dumps(truth))
    return shown


def build_index(folder: Path) -> Path:
    """Builds the index of the records, in a process of its own, and returns its folder; done once for equal records."""
    command = [sys.executable, "-m", "indexer.build", "--kb", "jsonl", "--records", str(folder / "records.jsonl")]
    root = WordNet(debian_root()).image_root
    command += ["--images", str(root), "--follow-links", "--out", str(folder / "index"), "--index", "exact"]
    subprocess.run(command, check=True)
    return folder / "index"


def _scenes(folder: Path, stamps: dict[Path, Entity], places: Sequence[Path], count: int, seed: int) -> Iterator[Shown]:
    paths = sorted(stamps)
    for number in tqdm(range(count), desc="Scenes", unit=" pictures"):
        rng = np.random.default_rng((seed, number))
        drawn = int(rng.integers(CONFIG.distractors[0], CONFIG.distractors[1] + 1)) + 1
        # Of one entity no two stamps: each label has one thing that it can mean.
        chosen = {stamps[path].entity_id: path for path in (paths[n] for n in rng.permutation(len(paths))[:drawn])}
        scene = compose(list(chosen.values()), [seed, number, 1], CONFIG, partial(cut_place, places))
        picture = folder / f"oven_images/00/oven_{number:08}.png"
        scene.picture.save(picture)
        for place, placed in enumerate(scene.placed):
            record = stamps[placed.path]
            if placed.mask.mean() >= LEAST:
                yield Shown(
                    picture=picture,
                    data_id=f"scene_{number:05}_{place}",
                    entity=record.title,
                    entity_id=_wikidata_like(record.entity_id),
                    truth=placed.mask,
                )


def _record(record: Entity) -> dict[str, object]:
    return {
        "entity_id": _wikidata_like(record.entity_id),
        "title": record.title,
        "text": record.text,
        "images": list(record.images),
    }


def _wikidata_like(synset_id: str) -> str:
    """An id of the shape that MaskOVEN's format has, made of a synset's."""
    return f"Q{int(synset_id[1:])}"


def _write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
