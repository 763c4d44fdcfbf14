"""The socket that connections come from."""

import socket

from wikiclip.base.errors import WikiClipError

GRACE_S = 10  # for what was accepted, once the server shall stop


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address. Raises WikiClipError where it cannot be had."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise WikiClipError(
            f"{host}:{port} cannot be listened on: {error.strerror}. Choose another with --port (make demo PORT=8123)."
        ) from error
    # asyncio sets this itself, but not on a socket bound beforehand; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
