"""Frozen features of a set of scenes: every mention in them, and each scene's full picture.

Axes: Q mention, W width of pooled vectors.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.features.cache import Budget, Features, Made
from training.data.features.columns import Column
from training.data.scenes.compose import Scene, SceneConfig, compose
from training.data.scenes.marks import MARKS_VERSION, Mark, mark
from training.data.scenes.places import cut_place
from wikiclip.masks import Mask, whole
from wikiclip.mentions.mention import VIEWS_VERSION
from wikiclip.model import PreparedMention, WikiClip
from wikiclip.segmenters import Segmenter, open_segmenter

SCENES_VERSION = 1  # counts up with each change to what a scene of the same seed looks like
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class SceneSet:
    """Scenes made of one pool of stamps, `per_stamp` scenes with each stamp as the uncovered target.

    Attributes:
        name: for the cache's folder.
        stamps: paths below `root`, the only pictures that may stand in these scenes.
        places: photographs below `places_root` that scenes stand on; drawn backgrounds where there are none.
        mark: how each mention's mask is made of the true one.
        most: scenes, whose targets lie evenly among the stamps; as many as there are where None.
    """

    name: str
    root: Path
    stamps: tuple[str, ...]
    per_stamp: int
    seed: int
    config: SceneConfig = field(default_factory=SceneConfig)
    places_root: Path | None = None
    places: tuple[str, ...] = ()
    mark: Mark = "true"
    most: int | None = None

    def __len__(self) -> int:
        return min(self._all, self._all if self.most is None else self.most)

    @property
    def _all(self) -> int:
        return len(self.stamps) * self.per_stamp

    def scene(self, number: int) -> Scene:
        """Returns the scene of that number; the same at each call."""
        number = self._place(number)
        seed = [self.seed, number]
        rng = np.random.default_rng(seed)
        target = self.stamps[number % len(self.stamps)]
        count = int(rng.integers(self.config.distractors[0], self.config.distractors[1] + 1))
        others = [stamp for stamp in self.stamps if stamp != target]
        drawn = rng.choice(len(others), size=min(count, len(others)), replace=False)
        paths = [self.root / target, *(self.root / others[i] for i in drawn)]
        if self.places_root is None:
            return compose(paths, [*seed, 1], self.config)
        photographs = [self.places_root / place for place in self.places]
        return compose(paths, [*seed, 1], self.config, partial(cut_place, photographs))

    def marked(self, number: int, scene: Scene, segmenter: Segmenter) -> list[Mask]:
        """Returns the mask of each mention of the scene of that number, as it is marked; the same at each call.

        Args:
            segmenter: what outlines clicks and boxes.
        """
        rng = np.random.default_rng([self.seed, self._place(number), 2])
        return [mark(self.mark, scene.picture, placed.mask, segmenter, rng) for placed in scene.placed]

    def _place(self, number: int) -> int:
        """Which of all scenes it is."""
        return number * self._all // len(self)

    def key(self) -> dict[str, Any]:
        """JSON values that settle the scenes and their mentions."""
        on_places = (
            {
                "places": [[place, (self.places_root / place).stat().st_size] for place in self.places],
                "mark": [MARKS_VERSION, self.mark],
            }
            if self.places_root is not None
            else {}
        )
        return {
            "stamps": [[stamp, (self.root / stamp).stat().st_size] for stamp in self.stamps],
            "seed": self.seed,
            "config": asdict(self.config),
            **on_places,
        }


@dataclass(frozen=True)
class MentionFeatures:
    """`pooled_QW` under the mask, `full_QW` of the whole picture, `stamp_Q` (number in the set), `scene_Q`."""

    pooled_QW: NDArray[np.float32]
    full_QW: NDArray[np.float32]
    stamp_Q: NDArray[np.int64]
    scene_Q: NDArray[np.int64]


def mention_features(model: WikiClip, scenes: SceneSet) -> MentionFeatures:
    """Returns what is computed once for each backbone, mention form and set of scenes; that shows a progress bar."""
    slots, width = scenes.config.distractors[1] + 1, model.vision.pooled_width
    features = Features(
        f"mentions-{scenes.name}",
        {
            "code": [SCENES_VERSION, VIEWS_VERSION],
            "vision": asdict(model.preset.vision),
            "mention": asdict(model.preset.mention),
            **scenes.key(),
        },
        rows=len(scenes),
        columns=(
            Column(name="pooled_QW", shape=(width,), dtype="float32", always=True, most=slots),
            Column(name="stamp_Q", shape=(), dtype="int64", always=True, most=slots),
            Column(name="full_W", shape=(width,), dtype="float32", always=True),
        ),
        make=lambda numbers: _compute(model, scenes, numbers),
        budget=Budget(0),
        step=64,
    )
    every = np.arange(len(scenes))
    pooled, stamps = features.get("pooled_QW", every), features.get("stamp_Q", every)
    scene_Q = np.repeat(every, [len(mentions) for mentions in stamps])
    return MentionFeatures(
        np.concatenate(pooled), features.get("full_W", every)[scene_Q], np.concatenate(stamps), scene_Q
    )


@dataclass(frozen=True)
class _Prepared:
    mentions: list[PreparedMention]
    stamps: list[list[int]]
    full: list[PreparedMention]


def _prepare(model: WikiClip, scenes: SceneSet, numbers: NDArray[np.int64]) -> _Prepared:
    prepared = _Prepared([], [], [])
    segmenter = open_segmenter("tower", tower=model.vision)
    for number in numbers:
        scene = scenes.scene(int(number))
        cut = model.mention_cutter(scene.picture)
        prepared.full.append(cut(whole(scene.picture.height, scene.picture.width)))
        masks = scenes.marked(int(number), scene, segmenter)
        prepared.mentions.extend(map(cut, masks))
        prepared.stamps.append(
            [scenes.stamps.index(placed.path.relative_to(scenes.root).as_posix()) for placed in scene.placed]
        )
    return prepared


def _compute(model: WikiClip, scenes: SceneSet, numbers: NDArray[np.int64]) -> Made:
    made: Made = {"pooled_QW": [], "stamp_Q": [], "full_W": []}
    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(_prepare, model, scenes, batches[0])
        for following in [*batches[1:], None]:
            prepared = ahead.result()
            if following is not None:  # the next batch is drawn while this one is encoded
                ahead = pool.submit(_prepare, model, scenes, following)
            pooled_QW = model.pool_mentions(prepared.mentions).cpu().numpy()
            ends = np.cumsum([len(stamps) for stamps in prepared.stamps])
            made["pooled_QW"] += np.split(pooled_QW, ends[:-1])
            made["stamp_Q"] += [np.array(stamps, np.int64) for stamps in prepared.stamps]
            made["full_W"] += list(model.pool_mentions(prepared.full).cpu().numpy())
    return made
