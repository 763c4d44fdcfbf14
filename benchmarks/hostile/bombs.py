"""What files cost that are small and slow: `python -m benchmarks.hostile.bombs --checkout ../older`.

Each is read as the service reads it, in a process without a server, and the processor's seconds are counted.
`--checkout` reads the same files with the code of another folder, so that the table tells before and after.
"""

import json
import multiprocessing
import os
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from benchmarks.hostile.pictures import saved
from wikiclip.base.errors import WikiClipError
from wikiclip.pictures import read_picture
from wikiclip.regions.decode import decode_png_mask

MEGABYTE = 2**20
SIDE = 256
MOST_S = 60  # of a core, for one file
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """A hostile input and who has to cope with it.

    Attributes:
        make: the bytes; they are made anew each time, and the making is not counted.
        read: what the service does with them; raises `WikiClipError` where it refuses.
    """

    make: Callable[[], bytes]
    read: Callable[[bytes], object] = read_picture


def _jpeg(side: int = SIDE, **options: Any) -> bytes:
    return saved(Image.new("RGB", (side, side), (90, 120, 30)), "JPEG", **options)


def _behind_start(*segments: bytes) -> bytes:
    """A JPEG with more behind its first marker."""
    file = _jpeg()
    return file[:2] + b"".join(segments) + file[2:]


def _segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def _with_scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose further scans refine coefficients and hold nothing."""
    scan = _segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10]))
    return _jpeg(side, progressive=True, subsampling=0)[:-2] + scan * count + b"\xff\xd9"


def _with_chunks(name: bytes, content: bytes, count: int, kind: str = "PNG") -> bytes:
    """A PNG with the same chunk many times, before its pixels."""
    file = saved(Image.new("L", (SIDE, SIDE), 90), kind)
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return file[:33] + chunk * count + file[33:]


def _exif(entries: int, size: int, following: int = 0) -> bytes:
    """A directory whose tags all mean the same bytes, behind it; `following` is where the next one is said to be."""
    behind = 8 + 2 + entries * 12 + 4
    tags = b"".join(struct.pack("<HHII", tag, 7, size, behind) for tag in range(1, entries + 1))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + tags + struct.pack("<I", following) + bytes(size)


def _gif(before: bytes = b"", behind: bytes = b"") -> bytes:
    file = saved(Image.new("L", (SIDE, SIDE), 90), "GIF")
    at = file.index(b",\0\0\0\0")
    return file[:at] + before + file[at:-1] + behind + b";"


def _webp(chunk: bytes, count: int) -> bytes:
    """An extended WebP with the same chunk many times, before its picture."""
    file = saved(Image.new("RGB", (SIDE, SIDE), (90, 120, 30)), "WEBP", icc_profile=b"x" * 8)
    body = file[12:30] + chunk * count + file[30:]
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _read_mask(data: bytes) -> object:
    return decode_png_mask(data, height=SIDE, width=SIDE)


BOMBS: dict[str, Bomb] = {
    "JPEG, 10,774 empty scans": Bomb(make=lambda: _with_scans(3000, 10_774)),
    "JPEG, 240 empty scans of 49 megapixels": Bomb(make=lambda: _with_scans(7000, 240)),
    "JPEG, EXIF in small segments": Bomb(
        make=lambda: _behind_start(*[_segment(0xE1, b"Exif\0\0" + bytes(8))] * (5 * MEGABYTE // 18))
    ),
    "JPEG, comments of no length": Bomb(make=lambda: _behind_start(_segment(0xFE, b"") * (4 * MEGABYTE))),
    "JPEG, fill bytes in the header": Bomb(make=lambda: _behind_start(b"\xff" * (20 * MEGABYTE))),
    "JPEG, fill bytes behind the scan": Bomb(make=lambda: _jpeg()[:-2] + b"\xff" * (20 * MEGABYTE) + b"\xff\xd9"),
    "JPEG, fill bytes before zeros": Bomb(make=lambda: _jpeg()[:-2] + b"\xff\xff\0" * (6 * MEGABYTE) + b"\xff\xd9"),
    "JPEG, bytes of nothing in the header": Bomb(make=lambda: _behind_start(b"\xff\xe0\0\x02", bytes(20 * MEGABYTE))),
    "JPEG, quantisation tables": Bomb(make=lambda: _behind_start(_segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 300)),
    "PNG, 15,000 profiles": Bomb(make=lambda: _with_chunks(b"iCCP", b"p\0\0" + zlib.compress(bytes(MEGABYTE)), 15_000)),
    "PNG, 15,000 profiles in a mask": Bomb(
        make=lambda: _with_chunks(b"iCCP", b"p\0\0" + zlib.compress(bytes(MEGABYTE)), 15_000), read=_read_mask
    ),
    "PNG, chunks of no length": Bomb(make=lambda: _with_chunks(b"tEXt", b"", 20 * MEGABYTE // 12)),
    "PNG, pixels of no length": Bomb(make=lambda: _with_chunks(b"IDAT", b"", 20 * MEGABYTE // 12)),
    "PNG, EXIF of 65,535 tags of the same 2 MB": Bomb(
        make=lambda: _with_chunks(b"eXIf", _exif(65_535, 2 * MEGABYTE), 1)
    ),
    "PNG, EXIF that leads back to itself": Bomb(make=lambda: _with_chunks(b"eXIf", _exif(9, 8, following=8), 1)),
    "GIF, comments of a byte": Bomb(make=lambda: _gif(before=b"!\xfe" + b"\1a" * (10 * MEGABYTE) + b"\0")),
    "GIF, extensions of no length": Bomb(make=lambda: _gif(before=b"!\x01\0" * (7 * MEGABYTE))),
    "GIF, frames of a byte": Bomb(make=lambda: _gif(behind=b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * (20 * MEGABYTE // 15))),
    "WebP, chunks of no length": Bomb(make=lambda: _webp(b"abcd\0\0\0\0", 20 * MEGABYTE // 8)),
}


def measured() -> dict[str, tuple[int, float, str]]:
    """Bomb -> its bytes, the seconds of a core that it takes, and what becomes of it."""
    results = {}
    for name, bomb in BOMBS.items():
        data = bomb.make()
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_read, args=(bomb, data, theirs))
        process.start()
        theirs.close()
        try:
            results[name] = (len(data), *ours.recv())
        except EOFError:
            results[name] = (len(data), float(MOST_S), "no end")
        process.join()
    return results


def _read(bomb: Bomb, data: bytes, answer: Connection) -> None:
    """Reads one file in a process of its own, which the system ends when it has taken too long."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))
    begin = time.process_time()
    try:
        bomb.read(data)
        outcome = "read"
    except WikiClipError as error:
        outcome = str(getattr(error, "code", "refused"))
    answer.send((time.process_time() - begin, outcome))


@app.command()
def bombs(
    checkout: Annotated[list[Path] | None, typer.Option(help="Read them with the code of that folder, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Print a table of what each file costs, in seconds of a core."""
    ours = measured()
    if as_json:
        print(json.dumps(ours))
        return
    others = {folder: _elsewhere(folder) for folder in checkout or ()}
    folders = "".join(f" {folder} | |" for folder in others)
    print(f"| file | MB |{folders} here | |", "|---|---:|" + "---:|---|" * (len(others) + 1), sep="\n")
    for name, (length, *result) in ours.items():
        columns = [*(there[name][1:] for there in others.values()), result]
        cells = "".join(f" {seconds:.2f} | {outcome} |" for seconds, outcome in columns)
        print(f"| {name} | {length / MEGABYTE:.1f} |{cells}")


def _elsewhere(folder: Path) -> dict[str, list[Any]]:
    """What `measured` gives with the packages of another checkout, which need not know this module."""
    paths = {**os.environ, "PYTHONPATH": str(folder.resolve())}
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--json"]
    figures: dict[str, list[Any]] = json.loads(subprocess.check_output(command, cwd=folder, env=paths))
    return figures


if __name__ == "__main__":
    app()
