"""Where the pictures of Encyclopedic-VQA's questions are: in iNaturalist 2021 and in Google Landmarks v2.

Published: iNaturalist's `train.json` and `val.json` are COCO's in shape, with `images[{id, file_name}]`; Google
Landmarks' archives unpack to `a/b/c/ID.jpg` by the id's first three characters; Encyclopedic-VQA's training questions
show iNaturalist's training pictures, all others its validation pictures. Inferred, from repositories that read the
questions: an id is that of the `images` of these files, or a key of the map from ids to paths that EchoSight's authors
made (`val_id2name.json`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ijson

from indexer.coco.files import expect_json
from indexer.coco.pictures import listed_pictures
from indexer.picture_paths import NoPlace, file_names, place_below
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError

INATURALIST, LANDMARKS = "inaturalist", "landmarks"  # folders of pictures, and values of `dataset_name`
LANDMARK_ID = re.compile(r"[0-9A-Za-z_-]{3,64}")
SETS = ("", "train", "index", "test")  # folders that the archives of Google Landmarks may have been unpacked in


class QuestionPictures:
    """The pictures by data set and id.

    Args:
        images: the folder that holds `inaturalist`, `landmarks` or both.
        folder: of the questions, where the list of iNaturalist's pictures may lie as well.

    Attributes:
        listing: iNaturalist's list; None where its folder is not there, so that each of its pictures is missing.

    Raises:
        WikiClipError: iNaturalist's folder is there, and no list of its pictures.
    """

    def __init__(self, images: Path, *, folder: Path, part: Part) -> None:
        self._images = images
        self.listing = _listing(images, folder, "train" if part == Part.TRAIN else "val")

    @property
    def files(self) -> list[Path]:
        """What settles which pictures there are: the list, and every folder that holds some."""
        inaturalist, landmarks = self._images / INATURALIST, self._images / LANDMARKS
        folders = [folder for pattern in ("*/", "*/*/") for folder in inaturalist.glob(pattern)]
        folders += [folder for name in SETS for folder in (landmarks / name).glob("?/?/?/")]
        return [*([self.listing] if self.listing else []), inaturalist, landmarks, *sorted(folders)]

    @contextmanager
    def look_up(self) -> Iterator[Callable[[str, str], Path | NoPlace]]:
        """Gives a look-up from (dataset_name, id) to a file, which may be missing, or to why there is none.

        Raises:
            WikiClipError: the list is not such a list.
        """
        with _listed(self.listing, self._images / INATURALIST) as in_inaturalist:

            def place_of(dataset: str, picture_id: str) -> Path | NoPlace:
                try:
                    if dataset == INATURALIST:
                        return in_inaturalist(picture_id)
                    if dataset == LANDMARKS:
                        return _landmark(self._images / LANDMARKS, picture_id)
                except NoPlace as error:
                    return error
                return NoPlace(f"dataset_name: must be {INATURALIST} or {LANDMARKS}")

            yield place_of


def _listing(images: Path, folder: Path, pictures: str) -> Path | None:
    if not (images / INATURALIST).is_dir():
        return None
    names = (f"{pictures}.json", f"{pictures}_id2name.json")
    places = [above / name for name in names for above in (images / INATURALIST, folder, images)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise WikiClipError(
            f"Neither {' nor '.join(names)} is in {images / INATURALIST}: fetch the annotations of iNaturalist 2021,"
            " which say where each of its pictures is."
        )
    return found


@contextmanager
def _listed(listing: Path | None, folder: Path) -> Iterator[Callable[[str], Path]]:
    """Gives a look-up from iNaturalist's ids to files, which raises NoPlace."""
    if listing is None:
        yield lambda picture_id: place_below(folder, picture_id)
    elif listing.name.endswith("_id2name.json"):
        with file_names(_names(listing)) as name_of:

            def named(picture_id: str) -> Path:
                if (name := name_of(picture_id)) is None:
                    raise _unlisted(picture_id, listing)
                return place_below(folder, name)

            yield named
    else:
        with listed_pictures(listing, strict=False, nan=True) as look_up:

            def listed(picture_id: str) -> Path:
                if (found := look_up(picture_id)) is None:
                    raise _unlisted(picture_id, listing)
                return found.place(folder)

            yield listed


def _unlisted(picture_id: str, listing: Path) -> NoPlace:
    return NoPlace(f"dataset_image_ids: {listing.name} lists no picture {picture_id[:40]}")


def _names(listing: Path) -> Iterator[tuple[str, str]]:
    try:
        with listing.open("rb") as file:
            file.seek(expect_json(listing))
            for picture_id, name in ijson.kvitems(file, ""):
                if isinstance(name, str):
                    yield picture_id, name
    except (ijson.JSONError, UnicodeDecodeError) as error:
        cause = str(error).splitlines()[0]
        raise WikiClipError(f"{listing} is not JSON, or is cut off ({cause}); fetch it again.") from error


def _landmark(folder: Path, picture_id: str) -> Path:
    """Returns the first that is there, else where it was expected first."""
    if not LANDMARK_ID.fullmatch(picture_id):
        raise NoPlace("dataset_image_ids: not an id of Google Landmarks")
    places = [folder / name / "/".join(picture_id[:3]) / f"{picture_id}.jpg" for name in SETS]
    return next((place for place in places if place.is_file()), places[0])
