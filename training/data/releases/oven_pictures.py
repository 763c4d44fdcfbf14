"""Where OVEN's pictures are: OVEN's own annotations and InfoSeek's name them by the same ids."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.kb.fingerprint import of_files
from indexer.kb.lines import read_lines
from indexer.picture_paths import NoPlace, file_names, place_below
from training.data.releases.release import PICTURES

PATHS = "ovenid2impath.csv"
SUFFIXES = (".jpg", ".JPEG", ".jpeg", ".png")
IMAGE_ID = r"^oven_[0-9]{2,16}$"


class OvenPictures:
    """The pictures by id, moved to `oven_images` as the release's script does it, or where their source has them.

    Args:
        images: the folder that holds `oven_images`, or that the paths of `ovenid2impath.csv` start from.
        folder: of annotation files, where `ovenid2impath.csv` may lie as well.

    Attributes:
        folder: `oven_images`, be it there or not.
        paths: the list of paths; None where there is none.
    """

    def __init__(self, images: Path, *, folder: Path) -> None:
        self._images = images
        self.folder = images / PICTURES
        self.paths = next((path for path in (folder / PATHS, images / PATHS) if path.is_file()), None)

    @contextmanager
    def look_up(self) -> Iterator[Callable[[str], Path | NoPlace]]:
        """Gives a look-up from a picture's id to its file, which may be missing, or to why the listed path is none."""
        if self.paths is None:
            yield lambda image_id: self._place(image_id, None)
        else:
            with file_names(path_rows(self.paths)) as name_of:
                yield lambda image_id: self._place(image_id, name_of(image_id))

    def fingerprint(self, name: str, files: list[Path]) -> str:
        """Hashes dates, those of annotation files too: a picture added or removed changes its folder's; one rewritten
        in place goes unnoticed."""
        paths = [*files, *([self.paths] if self.paths else []), self._images]
        return of_files(name, [*paths, *sorted(self._images.glob(f"{PICTURES}/*"))])

    def _place(self, image_id: str, name: str | None) -> Path | NoPlace:
        """Returns the first that is there, else where it was expected first; or why the listed path is none.

        The listed path is that of the source data set; the release's script moves a picture to `oven_images` under its
        id, and keeps the extension.
        """
        moved = self.folder / image_id.removeprefix("oven_")[:2] / image_id
        places = [moved.with_suffix(suffix) for suffix in SUFFIXES]
        if name is not None:
            try:
                listed = place_below(self._images, name)
            except NoPlace as error:
                return error
            places = [listed, moved.with_suffix(listed.suffix), *places]
        return next((place for place in places if _is_file(place)), places[0])


def path_rows(paths: Path) -> Iterator[tuple[str, str]]:
    """Yields (picture id, path), and passes over a row that names none."""
    for _, line in read_lines(paths):
        image_id, comma, path = (line or b"").strip().partition(b",")
        if comma and path:
            yield image_id.decode("utf-8", "replace"), os.fsdecode(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than the file system takes, or in a folder that may not be read
        return False
