"""A small copy of OVEN's release: some of a part's questions, the entities they ask about, and some others.

A first table comes in minutes from it. Finding something among few is easier than among six million, so a figure of a
sample says whether all works, and not how well.
"""

import hashlib
import heapq
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from indexer.kb.lines import read_lines
from indexer.kb.oven import Oven
from indexer.kb.record import BadRecord
from training.data.annotation import Annotation
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.oven import OvenAnnotations, value_of
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_folder

AnyRelease = OvenAnnotations | MaskOvenAnnotations
RECORDS, NOTE = "Wiki6M_ver_1_0.jsonl", "sample.json"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What is in a sample: questions, the records that they ask about, and others."""

    questions: int
    asked: int
    others: int


def sample_release(annotated: Sequence[AnyRelease], kb: Oven, folder: Path, *, questions: int, seed: int = 0) -> Sample:
    """Writes a sample as files of a release, or finds the one that was written like this before.

    Each task and split of a set gets the same number of its questions, as far as it has them; which ones, and which
    other records, depends on their ids and the seed alone. Pictures stay where they are.

    Args:
        annotated: sets whose files have different names.
        questions: of each set at most, and as many records beside those that are asked about.

    Raises:
        WikiClipError: no question of a set can be used, or the release's files cannot be read.
    """
    release = [*(each.fingerprint() for each in annotated), kb.fingerprint()]
    wish = {"release": release, "questions": questions, "seed": seed}
    if (before := _written(folder, wish)) is not None:
        return before
    shutil.rmtree(folder, ignore_errors=True)
    with appearing_folder(folder) as partial:
        asked_about, count = set[str](), 0
        for each in annotated:
            chosen = _chosen(each, questions, seed)
            if not chosen:
                raise WikiClipError(f"None of the questions of {each.name} can be used: look at its files.")
            each.copy(partial, chosen)
            asked_about.update(chosen.values())
            count += len(chosen)
        asked, others = _write_records(kb, partial / RECORDS, asked_about, questions, seed)
        sample = Sample(questions=count, asked=asked, others=others)
        (partial / NOTE).write_text(json.dumps({"wish": wish, "sample": asdict(sample)}))
    return sample


def _written(folder: Path, wish: dict[str, Any]) -> Sample | None:
    try:
        note = json.loads((folder / NOTE).read_text())
        return Sample(**note["sample"]) if note["wish"] == wish else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _chosen(annotated: AnyRelease, questions: int, seed: int) -> dict[str, str]:
    """data_id -> entity_id of the questions with the lowest chance, alike many of each task and split."""
    strata = defaultdict[tuple[object, str], list[tuple[int, str, str]]](list)
    for annotation in tqdm(
        annotated, total=len(annotated), desc=f"Questions of {annotated.name}", unit=" annotations", unit_scale=True
    ):
        if not isinstance(annotation, Annotation):
            continue
        stratum = strata[annotation.task, annotation.split]
        # A heap holds the lowest so far: the highest of these is the lowest number's negative.
        entry = (-_chance(annotation.data_id, seed), annotation.data_id, annotation.entity_id)
        (heapq.heappush if len(stratum) < questions else heapq.heappushpop)(stratum, entry)
    ranked = [(rank, entry) for stratum in strata.values() for rank, entry in enumerate(sorted(stratum, reverse=True))]
    picked = sorted(ranked, key=lambda one: one[0])[:questions]  # the first of each stratum, then the second of each
    return {data_id: entity_id for _, (_, data_id, entity_id) in picked}


def _write_records(kb: Oven, path: Path, asked: set[str], most_others: int, seed: int) -> tuple[int, int]:
    """Copies the records that are asked about and the others with the lowest chance; returns how many of each."""
    others: list[tuple[int, str]] = []
    found = 0
    for record in tqdm(kb.records(), total=len(kb), desc="Records", unit=" records", unit_scale=True):
        if isinstance(record, BadRecord):
            continue
        if record.entity_id in asked:
            found += 1
        else:
            entry = (-_chance(record.entity_id, seed), record.entity_id)
            (heapq.heappush if len(others) < most_others else heapq.heappushpop)(others, entry)
    kept: set[object] = asked | {entity_id for _, entity_id in others}
    with path.open("wb") as file:
        for _, line in tqdm(read_lines(kb.path), total=len(kb), desc="Copying", unit=" records", unit_scale=True):
            if line is not None and (entity_id := value_of(line, "wikidata_id")) in kept:
                file.write(line.rstrip(b"\r\n") + b"\n")
                kept.discard(entity_id)  # a later record of the same id is a bad one
    return found, len(others)


def _chance(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, salt=seed.to_bytes(8)).digest())
