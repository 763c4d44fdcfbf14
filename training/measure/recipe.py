"""A recipe: how a model is shaped and trained. It is judged by training it on every fold of the default data."""

from collections import defaultdict
from pathlib import Path

from training.data.scenes.dataset import ScenesData
from training.data.scenes.folds import FOLDS
from training.learn.config import TrainConfig
from training.measure.quality import Results
from training.measure.scenes_answers import answers_of_fold
from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import made_by, read_checkpoint
from wikiclip.presets import Preset


def recipe_of(checkpoint: Path) -> tuple[Preset, TrainConfig]:
    """Returns what a checkpoint was made by.

    Raises:
        WikiClipError: the directory holds no checkpoint, or one that does not say how it was trained.
    """
    preset, _, _ = read_checkpoint(checkpoint)
    try:
        return preset, TrainConfig(**made_by(checkpoint)["config"])
    except (KeyError, TypeError) as error:
        raise WikiClipError(f"{checkpoint} does not say by which settings it was trained; train it again.") from error


def answers_of_recipe(data: ScenesData, frozen: ScenesData, preset: Preset, config: TrainConfig, runs: Path) -> Results:
    """Trains it on every fold and asks the fold's test mentions.

    Args:
        data: for a model of any preset.
        frozen: as `answers_of_fold` has it.
        runs: the folder that keeps the folds' training runs.
    """
    data = data.with_preset(preset)
    results: Results = defaultdict(list)
    for fold in range(FOLDS):
        for cell, answers in answers_of_fold(data, frozen, fold, config, runs):
            results[cell].append(answers)
    return results
