"""Picture files in memory, of the kinds that PIL writes and of some that it only reads."""

import struct
import zlib
from io import BytesIO

from PIL import Image


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, *, depth: int, colour: int, rows: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """A PNG of any bit depth and colour type, from packed sample rows. `extra` chunks come before the pixels.

    The rows may be fewer than `height`, for files that are refused before they are decoded.
    """
    stride = (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
    filtered = b"".join(b"\0" + rows[start : start + stride] for start in range(0, len(rows), max(stride, 1)))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, body) for name, body in chunks)


def with_right_checksums(data: bytes) -> bytes:
    """A damaged PNG with the checksums of its chunks mended, so that the damage reaches what lies behind them."""
    mended, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        mended += png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return mended + data[at:]
