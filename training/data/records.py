"""Frozen features of a knowledge base's records, by row.

Axes: N record, I item, P patch, L text token; widths V, W, T as in `wikiclip.entity`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from indexer.embedding.plan import PLAN_VERSION
from indexer.kb.record import KnowledgeBase, describe
from indexer.picture_paths import picture_file
from training.data.features.cache import Budget, Features, Made
from training.data.features.columns import Column
from training.data.items import NONE
from training.data.record_table import open_table
from training.processes import tell
from wikiclip.base.machine import cores
from wikiclip.entity import EntityEncoder, EntityFeatures
from wikiclip.mentions.mention import VIEWS_VERSION
from wikiclip.model import PreparedEntity, WikiClip
from wikiclip.pictures import PictureError, read_picture
from wikiclip.presets import TOWER

BATCH = 64


class Records:
    """What the adaptor reads of each record: its first picture's patches and its description's tokens.

    Args:
        budget: for patches and tokens; vectors are always kept.

    Attributes:
        entities: the records, in the knowledge base's order.
        fingerprint: the knowledge base's.
        pictured: rows of those whose picture can be read; known after `fill`.
    """

    def __init__(self, model: WikiClip, kb: KnowledgeBase, budget: Budget) -> None:
        self.fingerprint = kb.fingerprint()
        table = open_table(kb, self.fingerprint)
        self.entities, self._characters_N = table.entities, table.characters_N
        self.pictured = np.flatnonzero(table.pictured_N)
        self._kb, self._model = kb, model
        self._row_of_picture = self.pictured
        self._picture_N = np.where(table.pictured_N, np.cumsum(table.pictured_N) - 1, NONE)
        preset, vision = model.preset, model.vision
        self._patches = model.patch_side**2
        key = {"code": PLAN_VERSION, "kb": self.fingerprint}
        # Of six million records they would take gigabytes, and only an anchor looks at them.
        self._reads_sentences = preset.space is not None or preset.fusion is not None or preset.is_joint
        sentence = Column(name="sentence_NT", shape=(model.text.sentence_width,), dtype="float32", always=True)
        self.texts = Features(
            f"texts-{kb.name}",
            {**key, "text": _text_key(model)},
            rows=len(self.entities),
            columns=(
                *((sentence,) if self._reads_sentences else ()),
                Column(name="tokens_NLT", shape=(model.text.width,), dtype="float16", most=preset.text.max_tokens),
            ),
            make=self._read,
            budget=budget,
        )
        view = {"views": VIEWS_VERSION, "vision": asdict(preset.vision), "cut": asdict(model.record_cut)}
        self.pictures = Features(
            f"pictures-{kb.name}",
            {**key, **view, "patches": self._patches},
            rows=len(self.pictured),
            columns=(
                Column(name="readable_N", shape=(), dtype="bool", always=True),
                Column(name="pooled_NW", shape=(vision.pooled_width,), dtype="float32", always=True),
                Column(name="patches_NPV", shape=(self._patches, vision.patch_width), dtype="float16"),
            ),
            make=self._see,
            budget=budget,
            step=256,
        )

    def fill(self, unreadable: Callable[[str], object]) -> None:
        """Computes what is not kept yet, and leaves out pictures that cannot be read.

        Args:
            unreadable: told whose picture and which file.
        """
        for features in (self.texts, self.pictures):
            tell(str(features))
            features.fill()
        readable_N = self.pictures.get("readable_N", np.arange(len(self._row_of_picture)))
        for row in self._row_of_picture[~readable_N]:
            entity = self.entities[int(row)]
            unreadable(f"{entity.entity_id}: {entity.images[0]}")
        self._picture_N[self._row_of_picture[~readable_N]] = NONE
        self.pictured = self._row_of_picture[readable_N]

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def image_root(self) -> Path | None:
        """The folder that pictures are named from; None where there are none."""
        return self._kb.image_root

    def row_of(self, entity_id: str) -> int:
        """Raises UnknownEntity where no record has the id."""
        return self.entities.number_of(entity_id)

    def pooled(self, rows: NDArray[np.int64]) -> Tensor:
        """Returns the tower's pooled vectors [len(rows), W] of these records' pictures; each must have one."""
        return torch.from_numpy(np.array(self.pictures.get("pooled_NW", self._picture_N[rows])))

    def sentences(self, rows: NDArray[np.int64]) -> Tensor:
        """Returns unit sentence vectors [len(rows), T] of descriptions."""
        return torch.from_numpy(np.array(self.texts.get("sentence_NT", rows)))

    def items(self, picture_I: NDArray[np.int64], text_I: NDArray[np.int64]) -> EntityFeatures:
        """Puts records together: the picture of one row and the description of another, either of which may be NONE.

        A row without a picture gives none.
        """
        number_I = np.where(picture_I == NONE, NONE, self._picture_N[picture_I])
        seen_I, read_I = number_I != NONE, text_I != NONE
        patches_IPV = torch.zeros(len(number_I), self._patches, self._model.vision.patch_width)
        pooled_IW = torch.zeros(len(number_I), self._model.vision.pooled_width)
        if seen_I.any():
            rows, where_I = np.unique(number_I[seen_I], return_inverse=True)
            patches_IPV[seen_I] = torch.from_numpy(self.pictures.get("patches_NPV", rows).astype(np.float32))[where_I]
            pooled_IW[seen_I] = torch.from_numpy(np.array(self.pictures.get("pooled_NW", rows)))[where_I]
        return EntityFeatures(
            patches_BPV=patches_IPV,
            pooled_BW=pooled_IW,
            has_picture_B=torch.from_numpy(seen_I),
            **self._described(text_I, read_I),
        )

    def _described(self, text_I: NDArray[np.int64], read_I: NDArray[np.bool_]) -> dict[str, Tensor]:
        sentence_IT = torch.zeros(len(text_I), self._model.text.sentence_width)
        padding_IL = torch.ones(len(text_I), 1, dtype=torch.bool)
        tokens_ILT = torch.zeros(len(text_I), 1, self._model.text.width)
        if read_I.any():
            rows, where_I = np.unique(text_I[read_I], return_inverse=True)
            tokens = self.texts.get("tokens_NLT", rows)
            longest = max(1, *(len(entries) for entries in tokens))
            tokens_RLT = torch.zeros(len(rows), longest, self._model.text.width)
            padding_RL = torch.ones(len(rows), longest, dtype=torch.bool)
            for row, entries in enumerate(tokens):
                tokens_RLT[row, : len(entries)] = torch.from_numpy(np.asarray(entries, np.float32))
                padding_RL[row, : len(entries)] = False
            padding_IL = torch.ones(len(text_I), longest, dtype=torch.bool)
            tokens_ILT = torch.zeros(len(text_I), longest, self._model.text.width)
            tokens_ILT[read_I], padding_IL[read_I] = tokens_RLT[where_I], padding_RL[where_I]
            if self._reads_sentences:
                sentence_IT[read_I] = self.sentences(rows)[where_I]
        return {"tokens_BLT": tokens_ILT, "padding_BL": padding_IL, "sentence_BT": sentence_IT}

    @torch.no_grad()
    def encode(
        self, encoder: EntityEncoder, rows: NDArray[np.int64], *, pictures: bool = True, texts: bool = True
    ) -> Tensor:
        """Returns unit vectors of some records, in batches of like length, with a progress bar if there are many.

        Args:
            pictures, texts: False leaves them out.
        """
        order = np.lexsort((self._characters_N[rows], self._picture_N[rows] == NONE))
        out_NM = torch.empty(len(rows), encoder.mention_width)
        for start in tqdm(range(0, len(rows), 256), desc="Entities", unit=" batches", disable=len(rows) < 10_000):
            places = order[start : start + 256]
            none = np.full(len(places), NONE)
            items = self.items(rows[places] if pictures else none, rows[places] if texts else none)
            out_NM[places] = encoder(items.to(encoder.device)).cpu()
        return out_NM

    def _read(self, rows: NDArray[np.int64]) -> Made:
        texts = [describe(self.entities[int(row)]) for row in rows]
        tokens: list[NDArray[np.float16]] = [np.zeros((0, self._model.text.width), np.float16)] * len(rows)
        sentence_NT = np.zeros((len(rows), self._model.text.sentence_width), np.float32)
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # a batch is padded to its longest text
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            features = self._model.entity_features([self._model.prepare_entity(texts[place], None) for place in places])
            for number, place in enumerate(places):
                tokens[place] = features.tokens_BLT[number][~features.padding_BL[number]].half().cpu().numpy()
                sentence_NT[place] = features.sentence_BT[number].cpu().numpy()
        return {"sentence_NT": sentence_NT, "tokens_NLT": tokens}

    def _see(self, numbers: NDArray[np.int64]) -> Made:
        pooled, patches, readable = [], [], []
        with ThreadPoolExecutor(cores()) as pool:  # all cores decode, and go on while a batch is looked at
            prepared = pool.map(self._prepare, self._row_of_picture[numbers].tolist())
            while views := list(islice(prepared, BATCH)):
                features = self._model.entity_features(views)
                readable += [view.view is not None for view in views]
                pooled.append(features.pooled_BW.cpu().numpy())
                patches.append(features.patches_BPV.half().cpu().numpy())
        return {
            "readable_N": np.array(readable, np.bool_),
            "pooled_NW": np.concatenate(pooled),
            "patches_NPV": np.concatenate(patches),
        }

    def _prepare(self, row: int) -> PreparedEntity:
        assert self._kb.image_root is not None
        entity = self.entities[row]
        path = picture_file(self._kb.image_root, entity.images[0])
        try:
            picture = read_picture(path) if path is not None else None
        except PictureError:
            picture = None
        # A model that embeds both together has no vector of a picture that its description could join later.
        return self._model.prepare_entity(describe(entity) if self._model.preset.is_joint else "", picture)


def _text_key(model: WikiClip) -> dict[str, Any]:
    """JSON values that settle what is read of a description."""
    preset = model.preset
    if preset.text.model != TOWER:
        return asdict(preset.text)
    return {**asdict(preset.text), "tower": asdict(preset.vision), "tokens": preset.adaptor is not None}
