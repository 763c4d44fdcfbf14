"""Which data set, and where its files are."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from typing_extensions import Doc

from training.data.dataset import load_scenes
from training.data.training_set import TrainingSet
from wikiclip.model import WikiClip


class DataName(StrEnum):
    """The data sets there are."""

    SCENES = "scenes"


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """A data set and its files."""

    data: Annotated[DataName, Doc("Which data set.")] = DataName.SCENES
    fold: Annotated[int | None, Doc("Leave out what this fold calls unseen (scenes).")] = None


def training_set(model: WikiClip, options: DataOptions) -> TrainingSet:
    """Opens a data set for training; frozen features that are not kept yet are computed.

    Raises:
        WikiClipError: a file is missing, or an option does not apply.
    """
    return load_scenes(model).training_set(options.fold)
