"""The one tag of EXIF that counts here. (Exif 2.32, section 4.6; TIFF 6.0, section 2.)

Only the first directory is read, and of it only the entries themselves: nothing is followed, so nothing loops, and a
directory has at most 65,535 entries.
"""

import struct
from typing import Literal

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
ENTRY_BYTES = 12
# Type of a tag -> how its first value is stored where it stands in the entry itself: short and long, signed and not.
INTEGERS = {3: "H", 4: "I", 8: "h", 9: "i"}
ORDERS: dict[bytes, Literal["<", ">"]] = {b"II*\0": "<", b"MM\0*": ">", b"MM*\0": ">"}  # the last by some cameras


def orientation_of(block: bytes) -> int | None:
    """The value of Orientation, whatever it is; None where there is none that can be read."""
    block = block.removeprefix(PREFIX).removeprefix(PREFIX)  # some programs write it twice
    order = ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (directory,) = struct.unpack_from(order + "I", block, 4)
    if directory + 2 > len(block):
        return None
    (entries,) = struct.unpack_from(order + "H", block, directory)
    first = directory + 2
    for at in range(first, min(first + entries * ENTRY_BYTES, len(block) - ENTRY_BYTES + 1), ENTRY_BYTES):
        tag, kind, count = struct.unpack_from(order + "HHI", block, at)
        if tag == ORIENTATION:
            if kind not in INTEGERS or not count or count * struct.calcsize("=" + INTEGERS[kind]) > 4:
                return None
            (value,) = struct.unpack_from(order + INTEGERS[kind], block, at + 8)
            return int(value)
    return None
