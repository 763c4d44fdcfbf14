"""WebP: the chunks that show its first picture. (RFC 9649, section 2.)"""

import struct

from wikiclip.picture_files.structure.exif import orientation_of
from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError, LeanFile

# A chunk is a picture, a frame of an animation, or metadata of any length: this is an animation of half an hour.
MOST_CHUNKS = 65_536

CHUNK = struct.Struct("<4sI")
RIFF_BYTES = 12
STILL = (b"VP8 ", b"VP8L")
SHOWN = (b"VP8X", b"ANIM", b"ANMF", b"ALPH", *STILL)
# Flags in VP8X of a profile, of EXIF and of XMP.
OF_METADATA = 0x20 | 0x08 | 0x04


def lean_webp(data: bytes) -> LeanFile:
    """A WebP file of one picture or of the first frame of an animation.

    Raises:
        BrokenFileError: no whole picture; ExcessError past the bound above.
    """
    kept: dict[bytes, bytes] = {}
    orientation, chunks = None, 0
    at = RIFF_BYTES
    while at + CHUNK.size <= len(data):
        name, length = CHUNK.unpack_from(data, at)
        start = at + CHUNK.size
        at = start + length + length % 2
        chunks += 1
        if chunks > MOST_CHUNKS:
            raise ExcessError(MOST_CHUNKS, "chunks")
        if start + length > len(data):
            break
        if name in SHOWN:
            kept.setdefault(name, data[start : start + length])
        elif name == b"EXIF" and orientation is None:
            orientation = orientation_of(data[start : start + length]) or 0
        if chunks == 1 and name in STILL:  # the simple form has nothing else
            break
    extended = kept.get(b"VP8X", b"")
    if extended:
        kept[b"VP8X"] = bytes([extended[0] & ~OF_METADATA]) + extended[1:]
    if not kept.keys() & {b"ANMF", *STILL}:
        raise BrokenFileError
    parts = [
        part
        for name, content in kept.items()
        for part in (CHUNK.pack(name, len(content)), content, bytes(len(content) % 2))
    ]
    size = 4 + sum(map(len, parts))
    return LeanFile(data=b"".join([b"RIFF", size.to_bytes(4, "little"), b"WEBP", *parts]), orientation=orientation)
