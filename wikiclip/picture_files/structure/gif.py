"""GIF: the first picture, without the extensions before it. (GIF89a, sections 15 to 26.)"""

import struct

from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError, LeanFile

# A block holds up to 255 bytes, so a colour profile or XMP of 16 MiB fits before the first picture.
MOST_BLOCKS = 65_536

SCREEN_BYTES = 13
EXTENSION, PICTURE, TRAILER, GRAPHIC_CONTROL = 0x21, 0x2C, 0x3B, 0xF9


def lean_gif(data: bytes) -> LeanFile:
    """A GIF file whose first picture follows its header and the extension that tells what is transparent in it.

    Raises:
        BrokenFileError: no picture; ExcessError past the bound above.
    """
    if len(data) < SCREEN_BYTES:
        raise BrokenFileError
    head = SCREEN_BYTES + _table_bytes(data[10])
    try:
        at, control = _first_picture(data, head)
        x, y, width, height = struct.unpack_from("<HHHH", data, at + 1)
    except (IndexError, struct.error):
        raise BrokenFileError from None
    canvas = struct.unpack_from("<HH", data, 6)
    fills = x == y == 0 and width >= canvas[0] and height >= canvas[1]
    frame = None if fills else (x, y, x + width, y + height)
    return LeanFile(data=data[:head] + control + data[at:], frame=frame)


def _first_picture(data: bytes, at: int) -> tuple[int, bytes]:
    """Where the first picture begins, at or behind `at`, and the extension that is about it, empty where there is none.

    Raises:
        IndexError: the file ends before it; BrokenFileError where it says that it ends; ExcessError past the bound.
    """
    control, left = b"", MOST_BLOCKS
    while data[at] != PICTURE:
        if data[at] == TRAILER:
            raise BrokenFileError
        blocks = 1
        if data[at] == EXTENSION:
            label, first = data[at + 1], data[at + 3 : at + 3 + data[at + 2]]
            if label == GRAPHIC_CONTROL and len(first) >= 4:
                control = b"!\xf9" + bytes([len(first)]) + first + b"\0"
            at += 2
            while (size := data[at]) and blocks <= left:
                at += 1 + size
                blocks += 1
        at += 1
        left -= blocks
        if left < 0:
            raise ExcessError(MOST_BLOCKS, "blocks before its first picture")
    return at, control


def _table_bytes(flags: int) -> int:
    """The length of the colours that follow, by the flags that announce them."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
