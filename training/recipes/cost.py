"""What the run of a recipe takes on one GPU: steps, hours, memory and disk, from counted operations.

Hours are operations over the speed that a share of the GPU's peak comes to. Reading pictures, copying and the loss are
not in them, so they are what a well-fed GPU takes.
"""

from dataclasses import dataclass

from training.data.releases.maskoven import PUBLISHED
from training.data.releases.release import Part
from training.data.source import DataName, DataOptions
from training.learn.config import TrainConfig
from training.recipes.operations import Operations

# Of OVEN's release; who trains on fewer pays less.
RECORDS, PICTURED, TRAINED_ENTITIES = 6_063_945, 2_032_340, 7_943
PEAKS = {"A100": 312e12, "H100": 989e12}  # dense bfloat16 operations a second, as the maker says (H100: SXM)
UTILISATION = 0.4  # assumed: what well-fed training of transformers reaches


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run takes.

    Attributes:
        steps, items: optimiser steps, and how many items the adaptor encodes in each.
        once: operations of the towers before the first step, for the vectors that are always kept; with `texts_once`
            for descriptions where their tokens are kept.
        towers, adaptor: operations in all steps; those of the towers where neither patches nor tokens are kept.
        memory: bytes on the GPU, in single precision: weights, the adaptor's gradient and optimiser, and what one chunk
            keeps for its backward pass. What a tower holds while it looks, and CUDA's own, come on top.
        vectors_disk, disk: bytes of what is always kept, and of it with all patches and tokens, at most.
    """

    steps: int
    items: float
    once: float
    texts_once: float
    towers: float
    adaptor: float
    memory: float
    vectors_disk: float
    disk: float

    def hours(self, operations_per_second: float, *, kept: bool) -> float:
        """Returns the hours of the whole run.

        Args:
            kept: patches and tokens lie on the disk; else the towers compute them in each step.
        """
        operations = self.once + self.adaptor + (self.texts_once if kept else self.towers)
        return operations / operations_per_second / 3600


def mentions_of(source: DataOptions) -> int:
    """Returns how many annotated mentions a run sees, at most: the releases' and the paper's own figures."""
    most = source.per_entity * TRAINED_ENTITIES
    if source.data == DataName.OVEN:
        # The paper counts a million at 200 an entity; so many at fewer would be more than there are.
        return min(1_000_000, most)
    if source.part == Part.WIKI:
        return PUBLISHED["mask_oven_wiki_split.json"].paper
    return sum(min(PUBLISHED[f"mask_oven_{task}_train.json"].paper, most) for task in source.tasks.tasks)


def cost_of(source: DataOptions, config: TrainConfig, per_item: Operations) -> Cost:
    """Returns what a run on one of OVEN's releases takes on one GPU."""
    mentions = mentions_of(source)
    config = config.settled(mentions)
    batch = config.annotated + config.own
    seen = batch * (1 - config.drop_picture)
    items = batch + seen * config.synthesized + config.text_negatives
    cached = 0 < config.chunk < items  # then each chunk is encoded twice, see `training.learn.step`
    in_step = seen * per_item.picture + (batch + config.text_negatives) * per_item.description
    vectors_disk = (mentions + PICTURED) * per_item.pooled_bytes
    return Cost(
        steps=config.steps,
        items=items,
        once=(mentions + PICTURED) * per_item.picture,
        texts_once=RECORDS * per_item.description,
        towers=config.steps * in_step,
        adaptor=config.steps * items * (per_item.item * (2 if cached else 1) + per_item.item_backward),
        memory=4 * per_item.frozen_parameters
        + 16 * per_item.trained_parameters
        + min(items, config.chunk or items) * per_item.item_bytes,
        vectors_disk=vectors_disk,
        disk=vectors_disk + PICTURED * per_item.patches_bytes + RECORDS * per_item.tokens_bytes,
    )
