"""The command line that serves: `python -m service`."""

import logging
import socket
from typing import Annotated, Literal

import typer
import uvicorn

from indexer.command import run
from service.app import create_app
from service.runtime import Runtime
from service.settings import read_settings

GRACE_S = 10

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8000,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="With `info`, a line for each request.")
    ] = "warning",
) -> None:
    """Answer POST /link until it is stopped. Settings are environment variables that begin with WIKICLIP_."""
    logging.basicConfig(level=log_level.upper(), format="%(message)s")
    # It warns of each malformed body; the caller is told already, and should not be able to fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)

    def announce(runtime: Runtime) -> None:
        if runtime.is_ready:
            typer.echo(_ready(runtime, url))
        else:
            server.should_exit = True

    application = create_app(read_settings(), announce=announce)
    config = uvicorn.Config(application, host=host, port=port, log_level=log_level, timeout_graceful_shutdown=GRACE_S)
    listening = config.bind_socket()
    # asyncio sets this itself, but not on a socket bound beforehand; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(config)
    url = _url(host, listening.getsockname()[1])
    typer.echo("Loading model and index ...", err=True)
    server.run(sockets=[listening])
    if not application.state.runtime.is_ready:
        raise typer.Exit(1)


def _ready(runtime: Runtime, url: str) -> str:
    linker = runtime.loaded.linker
    return (
        f"WikiCLIP is ready on {url} with {len(linker.index):,} entities (model {linker.model.name}),"
        f" searched as {linker.index.where} Ctrl-C stops it."
    )


def _url(host: str, port: int) -> str:
    """An address to open on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


if __name__ == "__main__":
    run(app)
