"""Mentions with what a model answers to them, for a person to look at.

Axes: N record, K candidate, M vector width.
"""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from indexer.picture_paths import picture_file
from indexer.search import EntityIndex
from training.data.annotated import AnnotatedData
from training.data.annotation import MentionError, read_mention
from training.data.records import Records
from training.data.scenes.dataset import ScenesData
from training.report.page import CANDIDATES, Example, Shown
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.pictures import PictureError, read_picture

SHOWN = 48  # mentions, drawn once
CANDIDATE_RECORDS = 4096  # a sample where there are more with a picture: six million need an index

Query = tuple[Image.Image, Mask, int]  # a picture, a mask, and the row of the right record


def scene_queries(data: ScenesData, fold: int | None, *, seed: int = 0) -> Iterator[Query]:
    """Yields scenes of other photographs: of the fold's unseen entities, or of all where there is no fold."""
    rng = np.random.default_rng(seed)
    pools = [pool for pool in data.pools if pool.photo == "other" and pool.stamps and fold in (None, pool.group)]
    for _ in range(SHOWN):
        pool = pools[int(rng.integers(len(pools)))]
        scenes = data.scenes(pool, test=True)
        scene = scenes.scene(int(rng.integers(len(scenes))))
        target = scene.placed[0]
        entity_id = next(stamp.entity_id for stamp in pool.stamps if scenes.root / stamp.path == target.path)
        yield scene.picture, target.mask, data.records.row_of(entity_id)


def annotated_queries(data: AnnotatedData, *, seed: int = 0) -> Iterator[Query]:
    """Yields mentions of a set that can be read."""
    drawn = np.random.default_rng(seed).permutation(len(data.annotations))[:SHOWN]
    for number in drawn:
        annotation = data.annotations[int(number)]
        try:
            picture, mask = read_mention(annotation)
        except MentionError:
            continue
        yield picture, mask, int(data.annotations.row_N[number])


@torch.no_grad()
def examples(model: WikiClip, records: Records, queries: Iterator[Query], *, seed: int = 0) -> Iterator[Example]:
    """Answers each mention from the records with a picture, or a sample of them that holds the right ones."""
    asked = list(queries)
    drawn = np.random.default_rng(seed).permutation(records.pictured)[:CANDIDATE_RECORDS]
    rows_N = np.union1d(drawn, np.array([row for _, _, row in asked], np.int64))
    vectors_NM = records.encode(model.entity, rows_N)
    for picture, mask, row in asked:
        mention_1M = model.encode_mentions([model.prepare_mention(picture, mask)])
        scores_N = (vectors_NM @ torch.from_numpy(mention_1M)[0]).numpy()
        best_K = np.argsort(-scores_N)[:CANDIDATES]
        yield Example(
            picture=picture,
            mask=mask,
            truth=shown(records, row),
            candidates=[(shown(records, int(rows_N[place])), float(scores_N[place])) for place in best_K],
        )


def searched_examples(model: WikiClip, data: AnnotatedData, index: EntityIndex) -> Iterator[Example]:
    """Answers mentions of a set by the search that is served."""
    for picture, mask, row in annotated_queries(data):
        mention_1M = model.encode_mentions([model.prepare_mention(picture, mask)])
        (found,) = index.search(mention_1M, CANDIDATES)
        yield Example(
            picture=picture,
            mask=mask,
            truth=shown(data.records, row),
            candidates=[(shown(data.records, data.records.row_of(one.entity.entity_id)), one.score) for one in found],
        )


def shown(records: Records, row: int) -> Shown:
    """Returns a record with its picture, where it has one that can be read."""
    entity = records.entities[row]
    path = picture_file(records.image_root, entity.images[0]) if entity.images and records.image_root else None
    try:
        picture = read_picture(path).rgb if path is not None else None
    except PictureError:
        picture = None
    return Shown(entity_id=entity.entity_id, title=entity.title, picture=picture)
