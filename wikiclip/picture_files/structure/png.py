"""PNG: the chunks that show a picture. (PNG, third edition, chapters 5 and 11.)"""

import struct
import zlib

from wikiclip.picture_files.structure.exif import orientation_of
from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError, LeanFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Encoders cut pixels into chunks of 8 KB or more, so that 32 MiB are 4,096 of them.
MOST_CHUNKS = 65_536

CHUNK = struct.Struct(">I4s")
# Colour type -> the lengths that transparency may have for it.
TRANSPARENCY_BYTES = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
NO_BYTES = range(0)
END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def lean_png(data: bytes) -> LeanFile:
    """The picture of a PNG file with its palette and transparency; of an animation what the file shows at rest.

    Transparency and EXIF that are damaged are passed over, as viewers do. The pixels' chunks become one, whose checksum
    stays zero: the decoder looks at that of their content instead. A file that lacks its end gets one.

    Raises:
        BrokenFileError: no header or no pixels; ExcessError past the bound above.
    """
    view, kept = memoryview(data), list[bytes]()
    pixels: list[memoryview] = []
    colour, orientation, together = -1, None, True
    at, chunks = len(SIGNATURE), 0
    while at + CHUNK.size <= len(data):
        length, name = CHUNK.unpack_from(data, at)
        start, begin = at + CHUNK.size, at
        at = start + length + 4
        chunks += 1
        if chunks > MOST_CHUNKS:
            raise ExcessError(MOST_CHUNKS, "chunks")
        if name == b"IDAT":
            if together:
                pixels.append(view[start : start + length])
            continue
        together = not pixels
        if name == b"IHDR" and not kept:
            colour = data[start + 9] if length >= 13 and at <= len(data) else -1
            kept.append(data[begin:at])
        elif name == b"PLTE" and not pixels:
            kept.append(data[begin:at])
        elif name == b"tRNS" and not pixels and length in TRANSPARENCY_BYTES.get(colour, NO_BYTES):
            if _intact(data, start, length):
                kept.append(data[begin:at])
        elif name == b"eXIf" and orientation is None and _intact(data, start, length):
            orientation = orientation_of(data[start : start + length]) or 0
        elif name == b"IEND" or not name.isalpha():
            break
    if colour < 0 or not pixels:
        raise BrokenFileError
    head = CHUNK.pack(sum(map(len, pixels)), b"IDAT")
    return LeanFile(data=b"".join([SIGNATURE, *kept, head, *pixels, bytes(4), END]), orientation=orientation)


def _intact(data: bytes, start: int, length: int) -> bool:
    """Whether a chunk is whole and has the checksum of its name and content."""
    end = start + length
    return data[end : end + 4] == zlib.crc32(memoryview(data)[start - 4 : end]).to_bytes(4, "big")
