"""Pictures that were decoded lately, kept for whoever sends the same file again: one picture, another region."""

import threading
from collections.abc import Callable
from hashlib import sha256

from cachetools import LRUCache

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
        self._kept: LRUCache[bytes, Picture] = LRUCache(most_bytes, getsizeof=_size)
        self._lock = threading.Lock()

    def read(self, file: bytes, fit: Fit = as_it_is) -> tuple[Picture, bool]:
        """The picture, and whether it was kept from before.

        One that is kept smaller than `fit` allows is decoded anew, and takes its place.
        """
        if not self._kept.maxsize:
            return self._decode(file, fit), False
        key = sha256(file).digest()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and (kept.shrunk == 1 or kept.shrunk <= fit(*kept.size)):
            return kept, True
        picture = self._decode(file, fit)
        if _size(picture) <= self._kept.maxsize:
            with self._lock:
                self._kept[key] = picture
        return picture, False


def _size(picture: Picture) -> int:
    width, height = picture.rgb.size
    return PIXEL_BYTES * width * height + (0 if picture.opaque is None else picture.opaque.nbytes)
