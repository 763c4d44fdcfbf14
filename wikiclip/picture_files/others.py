"""Pictures in formats that are not read here: what they are called, so that nobody looks for a fault in the file."""

from pathlib import Path

from wikiclip.base.regular_files import open_regular

READ = "JPEG, PNG, WebP or GIF"
SUFFIXES = frozenset(
    [".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp", ".psd", ".jp2", ".jxl", ".dng", ".nef", ".cr2", ".cr3", ".arw"]
)
STARTS = (
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)
# ISO base media files name what they hold behind "ftyp": ISO/IEC 23008-12, annex B, and AVIF, section 6.
BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "CR3"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)


def other_format(path: Path) -> str | None:
    """What a picture is that is not read here, by its first bytes; None for any other file, a broken one too."""
    try:
        with open_regular(path) as file:
            data = file.read(12)
    except (OSError, ValueError):
        return None
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12])
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # behind the file's size, what is reserved
        return "BMP"
    return next((name for start, name in STARTS if data.startswith(start)), None)
