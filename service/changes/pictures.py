"""Pictures that came over HTTP, each under the checksum of its content: a name that nobody can choose."""

import hashlib
import uuid
from contextlib import suppress
from pathlib import Path

from wikiclip.base.files import sync
from wikiclip.picture_files.reading import sniff_format
from wikiclip.pictures import PictureError, PictureLimits, read_picture

SEEN = 512  # pixels of a side that are enough to see that a JPEG can be decoded


def expect_picture(content: bytes, limits: PictureLimits) -> None:
    """Raises PictureError where it is none that is taken; sizes are looked at before a pixel is decoded."""
    read_picture(content, limits=limits, fit=lambda width, height: max(1.0, max(width, height) / SEEN))


def store(content: bytes, folder: Path) -> str:
    """Keeps a picture, and returns its name below the folder once it is on the disk.

    Raises:
        PictureError: it is of no format that is read.
        OSError: it cannot be written.
    """
    kind = sniff_format(content)
    if kind is None:
        raise PictureError("unsupported-image", "It is no picture of a format that is read.")
    digest = hashlib.sha256(content).hexdigest()
    name = f"{digest[:2]}/{digest}.{kind.lower()}"
    target = folder / name
    if target.exists():
        return name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{uuid.uuid4().hex}.partial")  # of its own: two may be sent the same at once
    try:
        partial.write_bytes(content)
        sync(partial)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    for each in (target.parent, folder):
        sync(each)
    return name
