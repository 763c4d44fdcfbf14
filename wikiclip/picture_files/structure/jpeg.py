"""JPEG: the segments that show a picture, and a bound on what its scans cost. (ITU-T T.81, annex B.)"""

import re
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wikiclip.picture_files.structure.exif import PREFIX, orientation_of
from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError, LeanFile

# A segment holds up to 64 KB, so 32 MiB of metadata take 512. What phones add as extended XMP and as ICC profiles comes
# in full segments, and a scan of a progressive picture brings a few of tables.
MOST_SEGMENTS = 4096
# Encoders write ten scans, careful ones some dozens; one for each coefficient of three colours would be 190.
MOST_SCANS = 256
# Four tables of each kind take 1.7 KB, and each scan may bring its own.
MOST_TABLE_BYTES = 512 * 1024
# A scan passes over all samples of its components, even where it is empty. The usual progressive scripts visit each
# sample five times; visits beyond those cost a second for some thousand million.
USUAL_VISITS = 8
MOST_FURTHER_VISITS = 400_000_000

START, END, SCAN, TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
HUFFMAN_TABLES, QUANTISATION_TABLES = 0xC4, 0xDB
FRAMES = frozenset(range(0xC0, 0xD0)) - {HUFFMAN_TABLES, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({START, TEMPORARY})
COMMENT, APPS, EXIF_APP = 0xFE, frozenset(range(0xE0, 0xF0)), 0xE1
# Decoders learn the colour space from these two.
TELLING_APPS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}

# A scan goes on where 0xFF is followed by a stuffed zero, a restart (0xD0 to 0xD7) or a fill byte.
RESTART, RESTART_BITS = 0xD0, 0xF8
MARKER_OR_FILL = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
FIRST_BLOCK, LARGEST_BLOCK = 1024, 64 * 1024

COEFFICIENTS = 64
# Bits that stand where a file breaks off: they begin with ones, as the zeros that decoders assume there do not, and are
# enough for some blocks of pixels.
OTHER_BITS = b"\xff\x00" + bytes((i * 151 + 37) % 251 for i in range(96))


@dataclass
class _Scans:
    """The scans so far of a frame.

    Attributes:
        samples: component -> how many samples it has.
        missing_bits: component -> how many of the lowest bits of each coefficient no scan has brought yet.
    """

    samples: dict[int, int]
    missing_bits: dict[int, list[int]]
    count: int = 0
    visits: int = 0

    def add(self, header: bytes) -> None:
        """Counts a scan, by what stands in its segment after the length."""
        self.count += 1
        components = header[1 : 1 + 2 * header[0] : 2] if header else b""
        self.visits += sum(self.samples.get(component, 0) for component in components)
        if self.count > MOST_SCANS:
            raise ExcessError(MOST_SCANS, "scans")
        if self.visits > USUAL_VISITS * sum(self.samples.values()) + MOST_FURTHER_VISITS:
            raise ExcessError(self.count - 1, "scans of so many pixels")
        if len(header) >= 2 * len(components) + 4:
            first, last, bits = header[1 + 2 * len(components) :][:3]
            for component in components:
                if component in self.missing_bits:
                    span = slice(first, min(last, COEFFICIENTS - 1) + 1)
                    self.missing_bits[component][span] = [bits & 15] * len(range(COEFFICIENTS)[span])

    @property
    def brought_all(self) -> bool:
        return all(not any(bits) for bits in self.missing_bits.values())


def lean_jpeg(data: bytes) -> LeanFile:
    """The first picture of a JPEG file, without comments, metadata and fill bytes.

    A file that lacks its end gets one.

    Raises:
        BrokenFileError: no scan, or a segment that is not whole; ExcessError past the bounds above.
    """
    bytes_N = np.frombuffer(data, np.uint8)
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    orientation, table_bytes = None, 0
    scans = _Scans({}, {})
    at = 2
    for _ in range(MOST_SEGMENTS):
        at, _ = _next_marker(data, bytes_N, at)
        if at >= len(data) or data[at + 1] == END:
            break
        code = data[at + 1]
        if code in WITHOUT_LENGTH:
            at += 2
            continue
        end = at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        if end > len(data):
            raise BrokenFileError
        if code in APPS or code == COMMENT:
            if code == EXIF_APP and orientation is None and data.startswith(PREFIX, at + 4):
                orientation = orientation_of(data[at + 4 : end]) or 0
            if code not in TELLING_APPS or not data.startswith(TELLING_APPS[code], at + 4):
                at = end
                continue
        kept.append(data[at:end])
        if code in (HUFFMAN_TABLES, QUANTISATION_TABLES):
            table_bytes += end - at
            if table_bytes > MOST_TABLE_BYTES:
                raise ExcessError(MOST_TABLE_BYTES, "bytes of tables")
        elif code in FRAMES:
            scans.samples = _samples(data[at + 4 : end])
            scans.missing_bits = {component: [1] * COEFFICIENTS for component in scans.samples}
        elif code == SCAN:
            scans.add(data[at + 4 : end])
            at, fill = _next_marker(data, bytes_N, end)
            kept.append((_without_fill(bytes_N[end:at]) if fill else bytes_N[end:at]).data)
            continue
        at = end
    else:
        raise ExcessError(MOST_SEGMENTS, "segments")
    if not scans.count:
        raise BrokenFileError
    twin = None
    if at >= len(data):
        if not scans.brought_all:
            raise BrokenFileError
        twin = b"".join([*kept, OTHER_BITS, b"\xff\xd9"])
    return LeanFile(data=b"".join([*kept, b"\xff\xd9"]), orientation=orientation, twin=twin)


def _next_marker(data: bytes, bytes_N: NDArray[np.uint8], at: int) -> tuple[int, bool]:
    """Where the next marker begins, restarts left out, at the last 0xFF before its code, the length where none is; and
    whether there may be fill bytes before it."""
    found = MARKER_OR_FILL.search(data, at)
    if found is None:
        return len(data), data.endswith(b"\xff")
    at = found.start()
    if data[at + 1] != 0xFF:
        return at, False
    # From here on there may be millions of fill bytes, which are looked at a block at a time.
    length = FIRST_BLOCK
    while at + 1 < len(data):
        block = bytes_N[at : at + length + 1]
        codes = block[1:]
        ends = (block[:-1] == 0xFF) & (codes != 0) & (codes != 0xFF) & (codes & RESTART_BITS != RESTART)
        first = int(ends.argmax())
        if ends[first]:
            return at + first, True
        at, length = at + length, min(4 * length, LARGEST_BLOCK)
    return len(data), True


def _without_fill(scan_N: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A scan's bytes with each row of 0xFF made one, and without those at its end: a decoder that gets a file in pieces
    begins such a row anew with every piece."""
    marks = scan_N == 0xFF
    keep = ~marks
    keep[:-1] |= ~marks[1:]
    kept: NDArray[np.uint8] = scan_N[keep]
    return kept


def _samples(header: bytes) -> dict[int, int]:
    """Component -> its samples, by a frame's segment; empty where it is malformed, which the decoder then refuses."""
    if len(header) < 6 or len(header) < 6 + 3 * header[5]:
        return {}
    height, width = struct.unpack_from(">HH", header, 1)
    components = [header[at : at + 2] for at in range(6, 6 + 3 * header[5], 3)]
    steps = {component: (sampling >> 4, sampling & 15) for component, sampling in components}
    most_x, most_y = (max([1, *sides]) for sides in zip(*steps.values(), strict=True)) if steps else (1, 1)
    return {component: width * height * x * y // (most_x * most_y) for component, (x, y) in steps.items()}
