"""Frozen features of a knowledge base's records, computed once and read where they are needed.

Axes: N record, G record with a picture, X token of all records one after another, P patch; widths V, W, T as in
`wikiclip.entity`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from indexer.embed import describe
from indexer.kb.record import Entity, KnowledgeBase
from training.cache import Arrays, cached
from wikiclip.entity import EntityEncoder, EntityFeatures
from wikiclip.images import read_picture
from wikiclip.mention import VIEWS
from wikiclip.model import WikiClip

BATCH = 64


@dataclass(frozen=True)
class RecordFeatures:
    """Frozen features of N records; token rows of record n are `tokens_XT[start_N[n] : start_N[n + 1]]`, float16."""

    tokens_XT: NDArray[np.float16]
    start_N: NDArray[np.int64]
    sentence_NT: NDArray[np.float32]
    picture_N: NDArray[np.int64]  # which picture is the record's; -1 for none
    patches_GPV: NDArray[np.float16]
    pooled_GW: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.picture_N)

    def batch(self, rows: NDArray[np.int64], *, pictures: bool | NDArray[np.bool_] = True) -> EntityFeatures:
        """Some records as a padded batch; where `pictures` is False, as if they had none."""
        lengths_B = [int(self.start_N[row + 1] - self.start_N[row]) for row in rows]
        tokens_BLT = torch.zeros(len(rows), max(lengths_B), self.tokens_XT.shape[1])
        padding_BL = torch.ones(tokens_BLT.shape[:2], dtype=torch.bool)
        for place, (row, length) in enumerate(zip(rows, lengths_B, strict=True)):
            start = self.start_N[row]
            tokens_BLT[place, :length] = torch.from_numpy(self.tokens_XT[start : start + length].astype(np.float32))
            padding_BL[place, :length] = False
        picture_B = torch.from_numpy(np.where(pictures, self.picture_N[rows], -1))
        has_picture_B = picture_B >= 0
        patches_BPV = torch.zeros(len(rows), *self.patches_GPV.shape[1:])
        pooled_BW = torch.zeros(len(rows), self.pooled_GW.shape[1])
        if has_picture_B.any():
            shown = picture_B[has_picture_B].numpy()
            patches_BPV[has_picture_B] = torch.from_numpy(self.patches_GPV[shown].astype(np.float32))
            pooled_BW[has_picture_B] = torch.from_numpy(self.pooled_GW[shown])
        return EntityFeatures(
            patches_BPV=patches_BPV,
            pooled_BW=pooled_BW,
            has_picture_B=has_picture_B,
            tokens_BLT=tokens_BLT,
            padding_BL=padding_BL,
            sentence_BT=torch.from_numpy(np.asarray(self.sentence_NT[rows])),
        )

    @torch.no_grad()
    def encode(self, encoder: EntityEncoder, rows: NDArray[np.int64], *, pictures: bool = True) -> Tensor:
        """Unit vectors of some records, in batches of like length, with a progress bar if there are many."""
        lengths = self.start_N[rows + 1] - self.start_N[rows]
        order = np.lexsort((lengths, self.picture_N[rows] < 0))
        out_NM = torch.empty(len(rows), encoder.mention_width)
        for start in tqdm(range(0, len(rows), 256), desc="Entities", unit=" batches", disable=len(rows) < 10_000):
            places = order[start : start + 256]
            out_NM[places] = encoder(self.batch(rows[places], pictures=pictures))
        return out_NM


def record_features(model: WikiClip, kb: KnowledgeBase, entities: Sequence[Entity]) -> RecordFeatures:
    """Computed once for each backbone and its half of the records; with a progress bar the first time.

    Args:
        entities: the records of `kb`, each with at most one picture.
    """
    texts = [describe(entity) for entity in entities]
    text_key = {"text": asdict(model.preset.text), "records": texts}
    picture_N = np.cumsum([bool(entity.images) for entity in entities]) - 1
    return RecordFeatures(
        **cached(f"texts-{kb.name}", text_key, lambda: _read(model, texts)),
        **picture_features(model, kb, entities),
        picture_N=np.where([bool(entity.images) for entity in entities], picture_N, -1),
    )


def picture_features(model: WikiClip, kb: KnowledgeBase, entities: Sequence[Entity]) -> Arrays:
    """`patches_GPV` and `pooled_GW` of the records' pictures, in the records' order."""
    images = [entity.images[0] for entity in entities if entity.images]
    key = {
        "code": VIEWS,
        "vision": asdict(model.preset.vision),
        "mention": asdict(model.preset.mention),
        "grid": model.preset.adaptor.grid,
        "images": images,
    }
    return cached(f"pictures-{kb.name}", key, lambda: _see(model, kb, images))


def _read(model: WikiClip, texts: Sequence[str]) -> Arrays:
    tokens: list[NDArray[np.float16]] = [np.zeros((0, model.text.width), np.float16)] * len(texts)
    sentence_NT = np.zeros((len(texts), model.text.width), np.float32)
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # a batch is padded to its longest text
    for start in tqdm(range(0, len(order), BATCH), desc="Descriptions", unit=" batches"):
        rows = order[start : start + BATCH]
        features = model.entity_features([model.prepare_entity(texts[row], None) for row in rows])
        for place, row in enumerate(rows):
            tokens[row] = features.tokens_BLT[place][~features.padding_BL[place]].half().numpy()
            sentence_NT[row] = features.sentence_BT[place].numpy()
    return {
        "tokens_XT": np.concatenate(tokens),
        "start_N": np.cumsum([0, *(len(rows) for rows in tokens)]),
        "sentence_NT": sentence_NT,
    }


def _see(model: WikiClip, kb: KnowledgeBase, images: Sequence[str]) -> Arrays:
    assert kb.image_root is not None
    patches, pooled = [], []
    for start in tqdm(range(0, len(images), BATCH), desc="Pictures", unit=" batches"):
        prepared = [
            model.prepare_entity("", read_picture(kb.image_root / image)) for image in images[start : start + BATCH]
        ]
        features = model.entity_features(prepared)
        patches.append(features.patches_BPV.half().numpy())
        pooled.append(features.pooled_BW.numpy())
    return {"patches_GPV": np.concatenate(patches), "pooled_GW": np.concatenate(pooled)}
