"""GIF: the first picture, without the extensions before it. (GIF89a, sections 15 to 26.)"""

import struct

from wikiclip.structure.lean import BrokenFileError, ExcessError, LeanFile

# A block holds up to 255 bytes, so a colour profile or XMP of 16 MiB fits before the first picture.
MOST_BLOCKS = 65_536

SCREEN_BYTES = 13
EXTENSION, PICTURE, GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9


def lean_gif(data: bytes) -> LeanFile:
    """A GIF file whose first picture follows its header and the extension that tells what is transparent in it.

    Raises:
        BrokenFileError: no picture; ExcessError past the bound above.
    """
    if len(data) < SCREEN_BYTES:
        raise BrokenFileError
    head = at = SCREEN_BYTES + _table_bytes(data[10])
    control, blocks = b"", 0
    try:
        while data[at] != PICTURE:
            if data[at] == EXTENSION:
                label, first = data[at + 1], data[at + 3 : at + 3 + data[at + 2]]
                if label == GRAPHIC_CONTROL and len(first) >= 4:
                    control = b"!\xf9" + bytes([len(first)]) + first + b"\0"
                at += 2
                while size := data[at]:
                    at += 1 + size
                    blocks += 1
                    if blocks > MOST_BLOCKS:
                        raise ExcessError(MOST_BLOCKS, "blocks before its first picture")
            elif data[at] == ord(";"):
                raise BrokenFileError
            at += 1
            blocks += 1
            if blocks > MOST_BLOCKS:
                raise ExcessError(MOST_BLOCKS, "blocks before its first picture")
        x, y, width, height = struct.unpack_from("<HHHH", data, at + 1)
    except (IndexError, struct.error):
        raise BrokenFileError from None
    canvas = struct.unpack_from("<HH", data, 6)
    fills = x == y == 0 and width >= canvas[0] and height >= canvas[1]
    frame = None if fills else (x, y, x + width, y + height)
    return LeanFile(data=data[:head] + control + data[at:], frame=frame)


def _table_bytes(flags: int) -> int:
    """The length of the colours that follow, by the flags that announce them."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
