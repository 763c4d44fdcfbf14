"""Files with a few bytes wrong, and files whose parts are whole but in disorder."""

import struct
import zlib
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Draw = st.DrawFn
Part = tuple[bytes, bytes]  # its name, and what it holds
Parts = list[Part]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1)
RUN = 64  # bytes that one mutation inserts or takes away at most


@st.composite
def mutated(draw: Draw, files: Sequence[bytes], *, most: int = 4) -> bytes:
    """One of the files after 1 to `most` mutations."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, most))):
        _mutate(draw, data)
    return bytes(data)


def _mutate(draw: Draw, data: bytearray) -> None:
    at = draw(st.integers(0, len(data)))
    match draw(st.integers(0, 7)):
        case 0 | 1:
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        case 2:
            data[at:at] = draw(st.binary(min_size=1, max_size=RUN))
        case 3:
            del data[at : at + draw(st.integers(1, RUN))]
        case 4:
            del data[at:]
        case 5:
            data[at:at] = data[at : at + draw(st.integers(1, RUN))]
        case 6:
            data[at : at + 4] = struct.pack(draw(st.sampled_from(["<I", ">I"])), draw(st.sampled_from(NUMBERS)))
        case 7:
            data[at : at + 2] = struct.pack(
                draw(st.sampled_from(["<H", ">H"])), draw(st.sampled_from(NUMBERS)) & 0xFFFF
            )


@st.composite
def disordered(draw: Draw, files: Sequence[bytes]) -> bytes:
    """One of the files (PNG, JPEG or WebP) with parts swapped, repeated, left out or broken, put together properly.

    Lengths and checksums are right again, so that readers look further than the first of them.
    """
    split, join = draw(st.sampled_from(FORMS))
    parts = split(draw(st.sampled_from([file for file in files if _form(file) is split])))
    for _ in range(draw(st.integers(1, 3))):
        if parts:
            _disorder(draw, parts)
    return join(parts)


def _disorder(draw: Draw, parts: Parts) -> None:
    one, other = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
    name, content = parts[one]
    match draw(st.integers(0, 6)):
        case 0:
            parts[one], parts[other] = parts[other], parts[one]
        case 1:
            parts.insert(other, parts[one])
        case 2:
            del parts[one]
        case 3:
            parts[one] = (parts[other][0], content)
        case 4:
            parts[one] = (name, content[: draw(st.integers(0, len(content)))])
        case 5 | 6:
            data = bytearray(content)
            _mutate(draw, data)
            parts[one] = (name, bytes(data))


def png_parts(file: bytes) -> Parts:
    """The chunks of a PNG."""
    parts, at = Parts(), len(PNG_SIGNATURE)
    while at + 8 <= len(file):
        (length,) = struct.unpack_from(">I", file, at)
        parts.append((file[at + 4 : at + 8], file[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def png_of(parts: Parts) -> bytes:
    """A PNG of chunks, with their lengths and checksums."""
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def jpeg_parts(file: bytes) -> Parts:
    """The segments of a JPEG; the last one is the scan's with the pixels and all that follows."""
    parts, at = Parts(), 2
    while file[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", file, at + 2)
        parts.append((file[at : at + 2], file[at + 4 : at + 2 + length]))
        at += 2 + length
    return [*parts, (b"", file[at:])]


def jpeg_of(parts: Parts) -> bytes:
    """A JPEG of segments, with their lengths."""
    return b"\xff\xd8" + b"".join(
        name + struct.pack(">H", min(len(content) + 2, 65535)) + content if name else content for name, content in parts
    )


def webp_parts(file: bytes) -> Parts:
    """The chunks of a WebP."""
    parts, at = Parts(), 12
    while at + 8 <= len(file):
        (length,) = struct.unpack_from("<I", file, at + 4)
        parts.append((file[at : at + 4], file[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def webp_of(parts: Parts) -> bytes:
    """A WebP of chunks, with their lengths."""
    chunks = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in parts
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


FORMS = ((png_parts, png_of), (jpeg_parts, jpeg_of), (webp_parts, webp_of))


def _form(file: bytes) -> Callable[[bytes], Parts] | None:
    if file.startswith(PNG_SIGNATURE):
        return png_parts
    if file.startswith(b"\xff\xd8"):
        return jpeg_parts
    return webp_parts if file.startswith(b"RIFF") else None
