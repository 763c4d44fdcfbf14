"""Pictures that came over HTTP, each under the checksum of its content: a name that nobody can choose."""

import hashlib
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Self

from wikiclip.base.files import sync
from wikiclip.picture_files.reading import sniff_format
from wikiclip.pictures import PictureError, PictureLimits, read_picture

SEEN = 512  # pixels of a side that are enough to see that a JPEG can be decoded


def expect_picture(content: bytes, limits: PictureLimits) -> None:
    """Raises PictureError where it is none that is taken; sizes are looked at before a pixel is decoded."""
    read_picture(content, limits=limits, fit=lambda width, height: max(1.0, max(width, height) / SEEN))


class Incoming:
    """Pictures on their way into a folder, to which they come together once `keep` is called, or else not at all.

    Until then their content lies there under names of their own, so that a disk that gets full shows before anybody can
    have come to name one of them; what was not kept goes at the end of the block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partials: dict[str, Path] = {}  # by the name to be

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for partial in self._partials.values():
            with suppress(OSError):
                partial.unlink()

    def add(self, content: bytes) -> str:
        """Writes a picture, unless it is there, and returns the name below the folder that it will have.

        Raises:
            PictureError: it is of no format that is read.
            OSError: it cannot be written.
        """
        kind = sniff_format(content)
        if kind is None:
            raise PictureError("unsupported-image", "It is no picture of a format that is read.")
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:2]}/{digest}.{kind.lower()}"
        target = self._folder / name
        if name in self._partials or target.exists():
            return name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Of its own: two may be sent the same at once.
        partial = self._partials[name] = target.with_name(f".{uuid.uuid4().hex}.partial")
        partial.write_bytes(content)
        sync(partial)
        return name

    def keep(self) -> None:
        """Gives all their names, and returns once those are on the disk, too. Raises OSError."""
        if not self._partials:
            return
        changed = dict.fromkeys([*((self._folder / name).parent for name in self._partials), self._folder])
        for name in [*self._partials]:
            self._partials[name].replace(self._folder / name)
            del self._partials[name]
        for each in changed:
            sync(each)


def store(content: bytes, folder: Path) -> str:
    """Keeps a picture by itself, and returns its name below the folder once it is on the disk; raises as `add` does."""
    with Incoming(folder) as incoming:
        name = incoming.add(content)
        incoming.keep()
    return name
