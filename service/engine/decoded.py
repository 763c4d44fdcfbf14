"""Pictures that were decoded lately, kept for whoever sends the same file again: one picture, another region."""

import threading
from collections.abc import Callable
from hashlib import sha256

from cachetools import LRUCache

from wikiclip.pictures import Picture

PIXEL_BYTES = 4  # Pillow pads RGB


class DecodedPictures:
    """The pictures used last, by the checksum of their files. Safe on any thread.

    Args:
        decode: reads a file's bytes; what it raises is raised to the caller, and nothing is kept.
        most_bytes: what the kept pictures may take in memory together; 0 keeps none.
    """

    def __init__(self, decode: Callable[[bytes], Picture], *, most_bytes: int) -> None:
        self._decode = decode
        self._kept: LRUCache[bytes, Picture] = LRUCache(most_bytes, getsizeof=_size)
        self._lock = threading.Lock()

    def read(self, file: bytes) -> tuple[Picture, bool]:
        """The picture, and whether it was kept from before."""
        if not self._kept.maxsize:
            return self._decode(file), False
        key = sha256(file).digest()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept, True
        picture = self._decode(file)
        if _size(picture) <= self._kept.maxsize:
            with self._lock:
                self._kept[key] = picture
        return picture, False


def _size(picture: Picture) -> int:
    width, height = picture.rgb.size
    return PIXEL_BYTES * width * height + (0 if picture.opaque is None else picture.opaque.nbytes)
