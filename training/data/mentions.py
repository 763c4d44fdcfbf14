"""Frozen features of a set of scenes: every mention in them, and each scene's full picture.

Axes: Q mention, W width of pooled vectors.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.cache import Arrays, cached
from training.data.scenes import Scene, SceneConfig, compose
from wikiclip.masks import whole
from wikiclip.mention import VIEWS
from wikiclip.model import PreparedMention, WikiClip

SCENES = 1  # counts up with each change to what a scene of the same seed looks like
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class SceneSet:
    """Scenes made of one pool of stamps, `views` scenes with each stamp as the uncovered target.

    Attributes:
        name: for the cache's folder.
        stamps: paths below `root`, the only pictures that may stand in these scenes.
    """

    name: str
    root: Path
    stamps: tuple[str, ...]
    views: int
    seed: int
    config: SceneConfig = field(default_factory=SceneConfig)

    def __len__(self) -> int:
        return len(self.stamps) * self.views

    def scene(self, number: int) -> Scene:
        """The scene of that number; the same at each call."""
        seed = [self.seed, number]
        rng = np.random.default_rng(seed)
        target = self.stamps[number % len(self.stamps)]
        count = int(rng.integers(self.config.distractors[0], self.config.distractors[1] + 1))
        others = [stamp for stamp in self.stamps if stamp != target]
        drawn = rng.choice(len(others), size=min(count, len(others)), replace=False)
        return compose([self.root / target, *(self.root / others[i] for i in drawn)], [*seed, 1], self.config)


@dataclass(frozen=True)
class MentionFeatures:
    """`pooled_QW` under the mask, `full_QW` of the whole picture, `stamp_Q` (number in the set), `scene_Q`."""

    pooled_QW: NDArray[np.float32]
    full_QW: NDArray[np.float32]
    stamp_Q: NDArray[np.int64]
    scene_Q: NDArray[np.int64]


def mention_features(model: WikiClip, scenes: SceneSet) -> MentionFeatures:
    """Computed once for each backbone, mention form and set of scenes; with a progress bar the first time."""
    key = {
        "code": [SCENES, VIEWS],
        "vision": asdict(model.preset.vision),
        "mention": asdict(model.preset.mention),
        "stamps": [[stamp, (scenes.root / stamp).stat().st_size] for stamp in scenes.stamps],
        "views": scenes.views,
        "seed": scenes.seed,
        "config": asdict(scenes.config),
    }
    return MentionFeatures(**cached(f"mentions-{scenes.name}", key, lambda: _compute(model, scenes)))


@dataclass(frozen=True)
class _Prepared:
    mentions: list[PreparedMention]
    stamp: list[int]
    scene: list[int]
    full: list[PreparedMention]


def _prepare(model: WikiClip, scenes: SceneSet, numbers: range) -> _Prepared:
    prepared = _Prepared([], [], [], [])
    for number in numbers:
        scene = scenes.scene(number)
        prepared.full.append(model.prepare_mention(scene.image, whole(scene.image.height, scene.image.width)))
        for placed in scene.placed:
            prepared.mentions.append(model.prepare_mention(scene.image, placed.mask))
            prepared.stamp.append(scenes.stamps.index(placed.path.relative_to(scenes.root).as_posix()))
            prepared.scene.append(number)
    return prepared


def _compute(model: WikiClip, scenes: SceneSet) -> Arrays:
    batches = [range(start, min(start + BATCH, len(scenes))) for start in range(0, len(scenes), BATCH)]
    parts: list[Arrays] = []
    with ThreadPoolExecutor(1) as pool, tqdm(total=len(scenes), desc=f"Scenes {scenes.name}", unit=" scenes") as bar:
        ahead = pool.submit(_prepare, model, scenes, batches[0])
        for number, batch in enumerate(batches):
            prepared = ahead.result()
            if number + 1 < len(batches):  # the next batch is drawn while this one is encoded
                ahead = pool.submit(_prepare, model, scenes, batches[number + 1])
            scene_Q = np.array(prepared.scene, dtype=np.int64)
            parts.append(
                {
                    "pooled_QW": model.pool_mentions(prepared.mentions).numpy(),
                    "full_QW": model.pool_mentions(prepared.full).numpy()[scene_Q - batch.start],
                    "stamp_Q": np.array(prepared.stamp, dtype=np.int64),
                    "scene_Q": scene_Q,
                }
            )
            bar.update(len(batch))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
