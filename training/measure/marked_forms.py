"""Mentions in many forms, of things that people mark in many ways: the same pictures and masks for each form.

A picture is composed, marked, segmented and seen once for all forms; what each makes of it is kept on the disk, by
form, pool of stamps and kind of mark, so that a table goes on where it was cut off.

Axes: Q mention, W width of pooled vectors.
"""

import dataclasses
import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from training.data.scenes.dataset import ScenesData
from training.data.scenes.features import SCENES_VERSION, SceneSet
from training.data.scenes.folds import Photo, Pool
from training.data.scenes.marks import Mark
from training.measure.frozen import in_form
from training.measure.once import OnceSeen, OnceSegmented
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file
from wikiclip.base.paths import home
from wikiclip.mentions.mention import VIEWS_VERSION
from wikiclip.model import PreparedMention, WikiClip
from wikiclip.presets import MentionConfig
from wikiclip.segmenters import open_segmenter

AT_ONCE = 8  # scenes whose views are kept in memory until all forms have looked at them


@dataclass(frozen=True, kw_only=True)
class MarkedMentions:
    """`pooled_QW` of one form, and the row of the record `record_Q` that each mention shows."""

    pooled_QW: Tensor
    record_Q: NDArray[np.int64]


class MarkedForms:
    """The mentions of all forms.

    Args:
        data: whose model has the towers; its form of mention does not count.
        forms: which to make, together.
        most: scenes of a pool that are looked at, drawn evenly over its stamps, by its photographs; all where one is
            not named.
        kept: the folder that keeps what was made.
    """

    def __init__(
        self, data: ScenesData, forms: Sequence[MentionConfig], *, most: Mapping[Photo, int], kept: Path | None = None
    ) -> None:
        self._data, self._most, self._kept = data, most, kept or home() / "mention-forms"
        self._tower = OnceSeen(data.model.vision)
        shared = WikiClip(data.model.preset, vision=self._tower, text=data.model.text)
        self._models = {form: shared.varied(dataclasses.replace(shared.preset, mention=form)) for form in forms}
        names = {form.tokens.segmenter for form in forms if form.form == "tokens"}
        self._segmenters = {name: OnceSegmented(open_segmenter(name, tower=data.model.vision)) for name in names}
        for model in self._models.values():
            model.segmenters.update(self._segmenters)
        self._marking = open_segmenter("tower", tower=data.model.vision)

    def mentions(self, form: MentionConfig, pool: Pool, mark: Mark) -> MarkedMentions:
        """Returns the mentions of a pool's scenes that are measured on; makes those of all forms that lack them.

        Raises:
            WikiClipError: what was kept of them cannot be read.
        """
        scenes = self._scenes(pool, mark)
        path = self._path(form, scenes)
        if not path.exists():
            self._make([other for other in self._models if not self._path(other, scenes).exists()], scenes)
        try:
            with np.load(path, allow_pickle=False) as kept:
                pooled_QW, stamp_Q = kept["pooled_QW"], kept["stamp_Q"]
            if pooled_QW.shape != (len(stamp_Q), self._tower.pooled_width) or stamp_Q.max() >= len(pool.stamps):
                raise ValueError
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise WikiClipError(f"{path} holds no mentions; remove it, and it is made again.") from error
        rows = np.array([self._data.records.row_of(stamp.entity_id) for stamp in pool.stamps], np.int64)
        return MarkedMentions(pooled_QW=torch.from_numpy(pooled_QW), record_Q=rows[stamp_Q])

    def _scenes(self, pool: Pool, mark: Mark) -> SceneSet:
        scenes = self._data.scenes(pool, test=True, mark=mark)
        return dataclasses.replace(scenes, most=self._most.get(pool.photo))

    def _path(self, form: MentionConfig, scenes: SceneSet) -> Path:
        vision = dataclasses.asdict(self._data.model.preset.vision)
        key = [SCENES_VERSION, VIEWS_VERSION, vision, dataclasses.asdict(form), scenes.key(), len(scenes)]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self._kept / f"{scenes.name}-{digest[:16]}.npz"

    def _make(self, forms: Sequence[MentionConfig], scenes: SceneSet) -> None:
        pooled: dict[MentionConfig, list[NDArray[np.float32]]] = {form: [] for form in forms}
        stamps: list[int] = []
        for start in tqdm(range(0, len(scenes), AT_ONCE), desc=scenes.name, unit=" batches"):
            cutters = []
            for number in range(start, min(start + AT_ONCE, len(scenes))):
                scene = scenes.scene(number)
                cutters.append((scene.picture, scenes.marked(number, scene, self._marking)))
                stamps += [scenes.stamps.index(one.path.relative_to(scenes.root).as_posix()) for one in scene.placed]
            for form in forms:
                model = self._models[form]
                mentions: list[PreparedMention] = []
                for picture, masks in cutters:
                    mentions += map(model.mention_cutter(picture), masks)
                pooled[form].append(model.pool_mentions(mentions).float().cpu().numpy())
            self._tower.forget()
            for segmenter in self._segmenters.values():
                segmenter.forget()
        self._kept.mkdir(parents=True, exist_ok=True)
        for form, parts in pooled.items():
            with appearing_file(self._path(form, scenes)) as partial, partial.open("wb") as file:
                np.savez(file, pooled_QW=np.concatenate(parts), stamp_Q=np.array(stamps, np.int64))


def records_in(data: ScenesData, form: MentionConfig) -> ScenesData:
    """The data whose records' pictures are cut as that form asks; see `in_form`."""
    return in_form(data, form, data.model.preset.vision.levels)
