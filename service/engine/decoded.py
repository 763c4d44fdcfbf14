"""Pictures that were decoded lately, kept for whoever sends the same file again: one picture, another region.

A file that is decoded smaller for one question and larger for another is kept in both sizes. So a question is answered
from the size that it would be decoded in, and what was asked before it makes no difference.
"""

import threading
from collections.abc import Callable
from hashlib import sha256

from cachetools import LRUCache

from wikiclip.picture_files.reading import SHRINKS
from wikiclip.pictures import Fit, Picture, as_it_is

PIXEL_BYTES = 4  # Pillow pads RGB


class DecodedPictures:
    """The pictures used last, by the checksum of their files. Safe on any thread.

    Args:
        decode: reads a file's bytes, no smaller than a `Fit` allows; what it raises is raised to the caller, and
            nothing is kept.
        most_bytes: what the kept pictures may take in memory together; 0 keeps none.
    """

    def __init__(self, decode: Callable[[bytes, Fit], Picture], *, most_bytes: int) -> None:
        self._decode = decode
        self._kept: LRUCache[tuple[bytes, int], Picture] = LRUCache(most_bytes, getsizeof=_size)
        self._lock = threading.Lock()

    def read(self, file: bytes, fit: Fit = as_it_is) -> tuple[Picture, bool]:
        """The picture as `decode` makes it, and whether it was kept from before."""
        if not self._kept.maxsize:
            return self._decode(file, fit), False
        key = sha256(file).digest()
        if (kept := self._find(key, fit)) is not None:
            return kept, True
        picture = self._decode(file, fit)
        if _size(picture) <= self._kept.maxsize:
            with self._lock:
                self._kept[key, picture.shrunk] = picture
        return picture, False

    def _find(self, key: bytes, fit: Fit) -> Picture | None:
        """The one of the size that fits; one of any size tells which that is."""
        with self._lock:
            sizes = {shrink: kept for shrink in SHRINKS if (kept := self._kept.get((key, shrink))) is not None}
        for kept in sizes.values():
            return sizes.get(kept.shrink_for(fit))
        return None


def _size(picture: Picture) -> int:
    width, height = picture.rgb.size
    return PIXEL_BYTES * width * height + (0 if picture.opaque is None else picture.opaque.nbytes)
