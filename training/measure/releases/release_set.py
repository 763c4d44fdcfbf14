"""One part of OVEN or MaskOVEN-Wiki to measure on, and the prompts that it can be asked with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.data.annotated import AnnotatedData
from training.data.prompts import Prompt
from training.data.releases.maskoven import MaskOvenAnnotations, file_names_of
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from training.data.releases.sample import AnyRelease
from training.data.source import DataName, DataOptions, annotated_data
from training.measure.releases.annotated_answers import Asking
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

TITLES = {DataName.OVEN: "OVEN", DataName.MASKOVEN: "MaskOVEN"}


@dataclass(frozen=True, kw_only=True)
class ReleaseSet:
    """A part of a release.

    Attributes:
        folder: holds its annotation files.
    """

    data: DataName
    part: Part
    folder: Path

    @property
    def label(self) -> str:
        """What rows of a table call it."""
        return f"{TITLES[self.data]} {self.part}"

    def in_folder(self, folder: Path) -> "ReleaseSet":
        """The same part of a copy of the release."""
        return replace(self, folder=folder)

    def prompts(self, wanted: Sequence[Prompt]) -> list[Prompt]:
        """Those of some prompts that the set can be asked with: OVEN has no regions."""
        there = [Prompt.NONE, Prompt.TEXT] if self.data == DataName.OVEN else [*Prompt]
        return [prompt for prompt in there if prompt in wanted]

    def annotations(self, images: Path) -> AnyRelease:
        """The set's annotations; raises as their readers do."""
        reader = OvenAnnotations if self.data == DataName.OVEN else MaskOvenAnnotations
        return reader(self.folder, part=self.part, images=images)

    def open(self, model: WikiClip, records: Path, images: Path, prompt: Prompt) -> AnnotatedData:
        """The set with its mentions' features, computed where they are not kept yet.

        Args:
            records: the knowledge base's file.
            images: the folder of the release's pictures.
        """
        options = DataOptions(data=self.data, part=self.part, annotations=self.folder, records=records, images=images)
        # Of OVEN's mentions, which are whole pictures, a mask shows the same as no prompt at all.
        seen = Prompt.MASK if self.data == DataName.OVEN else prompt
        return annotated_data(model, options, self.part, records=False, prompt=seen, label=self.label)

    def asking(self, model_name: str, prompt: Prompt, question_weight: float) -> Asking:
        """How a model is asked with a prompt."""
        weight = question_weight if prompt == Prompt.TEXT else 0.0
        return Asking(method=f"{model_name}, {prompt}", question_weight=weight)


def sets_in(folder: Path, parts: Sequence[Part]) -> list[ReleaseSet]:
    """Parts of OVEN, and of MaskOVEN-Wiki as far as one of a part's files is there.

    Raises:
        WikiClipError: a part is there to train on.
    """
    found = []
    for part in dict.fromkeys(parts):
        if part in (Part.TRAIN, Part.WIKI):
            raise WikiClipError(f"--part {part} is there to train on; measure on val, test or human.")
        found.append(ReleaseSet(data=DataName.OVEN, part=part, folder=folder))
        if any((folder / name).is_file() for name in file_names_of(part)):
            found.append(ReleaseSet(data=DataName.MASKOVEN, part=part, folder=folder))
    return found
