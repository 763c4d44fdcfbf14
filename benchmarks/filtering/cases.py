"""Scenes with known masks, and what two segmenters say of a thing in them of which the first is wrong in a known way.

The first works in two steps, a box and a mask in it, and its surest mask is a damaged one; beside it, it has the right
one half of the time, and another thing. The second is a segmenter that looks at the picture: what it draws is as good
and as bad as what it draws elsewhere, and sometimes it takes another thing for what was meant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.filtering.damages import GRID, damaged
from indexer.kb.wordnet.knowledge_base import WordNet
from training.annotate.ensemble import Answer
from training.annotate.overlap import box_of
from training.data.scenes.compose import Scene, SceneConfig, compose
from training.data.scenes.folds import FOLDS, make_pools
from training.data.scenes.marks import box as slipped_box
from training.data.scenes.places import PLACES, cut_place
from wikiclip.base.paths import debian_root
from wikiclip.masks import Mask
from wikiclip.segmenters import Segmenter
from wikiclip.segmenters.naming import Candidate

SIZE = (320, 240)
LOOSE = SceneConfig(size=SIZE, distractors=(1, 4), stamp=(0.3, 0.6))
DENSE = SceneConfig(size=SIZE, stamp=(0.22, 0.34), visible=0.3, rotation=40)
CROWD = (10, 18)  # copies in a dense scene
WRONG = 0.15  # how often the second segmenter takes another thing
RIGHT_BESIDE = 0.5  # how often the first has the right thing beside the damaged one
DENSE_DAMAGES = ("none", "inverted", "speckled", "whole picture")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What was said of a thing, and what is so.

    Attributes:
        crowded: whether the thing is a crowd of one kind.
    """

    answers: tuple[Answer, ...]
    truth: Mask
    damage: str
    strength: float
    crowded: bool


def groups() -> list[list[Path]]:
    """Returns the stamps of each group of the folds; constants are chosen on the first."""
    kb = WordNet(debian_root())
    assert kb.image_root is not None
    record_of = {entity_id: stamps[0].path for entity_id, stamps in kb.matches.by_entity().items()}
    found: list[list[Path]] = [[] for _ in range(FOLDS)]
    for pool in make_pools(kb.stamps, record_of):
        found[pool.group] += [kb.image_root / stamp.path for stamp in pool.stamps]
    return found


def cases(
    stamps: Sequence[Path], places: Sequence[Path], segmenter: Segmenter, count: int, *, seed: int
) -> Iterator[Case]:
    """Yields the whole grid of damages on as many scenes with few things, and as many that are crowded.

    Args:
        segmenter: the second one's outlines.
    """
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        yield from _loose(stamps, places, segmenter, rng)
        yield from _crowded(stamps, places, segmenter, rng)


def places_of(group: int) -> list[Path]:
    """Returns the photographs that scenes of a group stand on."""
    return [debian_root() / place for place in PLACES[group::FOLDS]]


def _loose(
    stamps: Sequence[Path], places: Sequence[Path], segmenter: Segmenter, rng: np.random.Generator
) -> Iterator[Case]:
    scene = _scene(stamps, places, rng)
    truth, others = scene.placed[0].mask, [placed.mask for placed in scene.placed[1:]]
    right = segmenter.segment(scene.picture, slipped_box(truth, rng))[0]
    own = segmenter.segment(scene.picture, slipped_box(truth, rng))[0]
    mistaken = bool(others) and rng.random() < WRONG
    second = [_unboxed(others[int(rng.integers(len(others)))] if mistaken else own, rng.uniform(0.4, 0.9))]
    if others and rng.random() < 0.5:
        second.append(_unboxed(others[0], second[0].confidence * rng.uniform(0.3, 0.9)))
    for name, (_, strengths) in GRID.items():
        for strength in strengths:
            wrong = damaged(name, strength, truth, others, rng)
            if wrong is None:
                continue
            surest = rng.uniform(0.5, 0.9)
            first = [Candidate(mask=wrong.mask, confidence=surest, box=wrong.box)]
            if rng.random() < RIGHT_BESIDE:
                first.append(_boxed(right, surest * rng.uniform(0.3, 0.95)))
            first += [_boxed(other, surest * rng.uniform(0.2, 0.6)) for other in others[:1]]
            yield _case(first, second, truth, name, strength, crowded=False)


def _crowded(
    stamps: Sequence[Path], places: Sequence[Path], segmenter: Segmenter, rng: np.random.Generator
) -> Iterator[Case]:
    stamp = stamps[int(rng.integers(len(stamps)))]
    copies = int(rng.integers(*CROWD))
    scene = compose([stamp] * copies, [int(rng.integers(2**31))], DENSE, partial(cut_place, places))
    things = [placed.mask for placed in scene.placed]
    if len(things) < CROWD[0] // 2:
        return
    truth: Mask = np.logical_or.reduce(things)
    second = [_unboxed(segmenter.segment(scene.picture, box_of(truth))[0], rng.uniform(0.4, 0.9))]
    for name in DENSE_DAMAGES:
        for strength in GRID[name][1]:
            wrong = damaged(name, strength, truth, [], rng)
            assert wrong is not None
            surest = rng.uniform(0.5, 0.9)
            first = [Candidate(mask=wrong.mask, confidence=surest, box=wrong.box)]
            first += sorted(
                (_boxed(thing, surest * rng.uniform(0.3, 0.95)) for thing in things), key=lambda one: -one.confidence
            )
            yield _case(first, second, truth, name, strength, crowded=True)


def _scene(stamps: Sequence[Path], places: Sequence[Path], rng: np.random.Generator) -> Scene:
    """A scene with things that are seen whole enough; the first is the one that is meant."""
    while True:
        count = int(rng.integers(LOOSE.distractors[0], LOOSE.distractors[1] + 1))
        chosen = [stamps[int(number)] for number in rng.choice(len(stamps), size=1 + count, replace=False)]
        scene = compose(chosen, [int(rng.integers(2**31))], LOOSE, partial(cut_place, places))
        if scene.placed and scene.placed[0].mask.sum() >= 200:  # a stamp may be all but transparent
            return scene


def _case(
    first: Sequence[Candidate], second: Sequence[Candidate], truth: Mask, damage: str, strength: float, *, crowded: bool
) -> Case:
    answers = (
        Answer(segmenter=0, method="damaged", reference="label", candidates=tuple(first)),
        Answer(segmenter=1, method="at once", reference="label", candidates=tuple(second)),
    )
    return Case(answers=answers, truth=truth, damage=damage, strength=strength, crowded=crowded)


def _boxed(mask: Mask, confidence: float) -> Candidate:
    return Candidate(mask=mask, confidence=confidence, box=box_of(mask))


def _unboxed(mask: Mask, confidence: float) -> Candidate:
    return Candidate(mask=mask, confidence=confidence)
