"""Small files that somebody else may have put there: never a pipe that hangs or a device without an end."""

import errno
import os
import stat
from pathlib import Path

MOST_BYTES = 2**24


def read_regular(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The whole content of a regular file.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than `most` bytes.
    """
    # Without waiting, since to open a pipe is to wait for who writes into it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content
