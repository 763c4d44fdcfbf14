"""A folder in which each file of a release appears whole, or with its fault, and is left alone from then on."""

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.release.faults import SPOILING, Fault
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file, write_text

NOTE = "generated.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a generated release is like.

    Attributes:
        questions: of each sheet.
        pictures: that are asked about.
        mask_gb: how large the file of masks to train on becomes at least.
        seed: another one gives other records, and thereby other entities.
    """

    records: int
    questions: int
    pictures: int
    mask_gb: float
    seed: int = 0
    faults: tuple[Fault, ...] = ()


def expect_same_plan(folder: Path, plan: Plan) -> None:
    """Notes in the folder what its release is like.

    Raises:
        WikiClipError: the folder holds a release of another plan, or something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said, note = json.dumps(asdict(plan)), folder / NOTE
    if not note.exists():
        if any(folder.iterdir()):
            raise WikiClipError(f"{folder} holds something else: name another --out.")
        write_text(note, said)
    if note.read_text(encoding="utf-8") != said:
        raise WikiClipError(f"{folder} holds a release of other sizes or faults: name another --out, or remove it.")


class Publisher:
    """Writes what is not there yet.

    Args:
        faults: of which each spoils its file before that has its name.
    """

    def __init__(self, folder: Path, faults: Collection[Fault]) -> None:
        self._folder = folder
        self._spoilings = [SPOILING[fault] for fault in faults]

    def __call__(self, name: str, write: Callable[[Path], object]) -> None:
        """Publishes one file.

        Args:
            name: the file's path below the folder.
            write: writes a file that appears whole.
        """
        path, spoilings = self._folder / name, [one for one in self._spoilings if one.path == name]
        spoils = [one.spoil for one in spoilings if one.spoil is not None]
        if len(spoils) < len(spoilings):
            return
        if not spoils:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path)
            return
        whole = path.with_name(f".{path.name}.whole")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not whole.exists():
                write(whole)
            with appearing_file(path) as partial:
                shutil.copyfile(whole, partial)
                for spoil in spoils:
                    spoil(partial)
        whole.unlink(missing_ok=True)
