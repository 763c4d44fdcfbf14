"""Pictures that were decoded lately, kept for whoever sends the same file again: one picture, another region."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

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
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, file: bytes) -> tuple[Picture, bool]:
        """The picture, and whether it was kept from before."""
        if not self._most_bytes:
            return self._decode(file), False
        key = sha256(file).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key], True
        picture = self._decode(file)
        self._keep(key, picture)
        return picture, False

    def _keep(self, key: bytes, picture: Picture) -> None:
        size = _size(picture)
        if size > self._most_bytes:
            return
        with self._lock:
            if key in self._kept:  # someone else was as fast
                return
            self._kept[key] = picture
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(picture: Picture) -> int:
    width, height = picture.rgb.size
    return PIXEL_BYTES * width * height + (0 if picture.opaque is None else picture.opaque.nbytes)
