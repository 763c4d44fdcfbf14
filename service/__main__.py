"""The command line: `python -m service`."""

import logging
import sys
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError

from service.app import create_app
from service.runtime import Runtime
from service.settings import Settings

GRACE_S = 10


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    log_level: Annotated[str, typer.Option(help="debug, info (one line a request), warning or error.")] = "warning",
) -> None:
    """Answer POST /link. Settings are environment variables that begin with WIKICLIP_."""
    logging.basicConfig(level=log_level.upper(), format="%(message)s")
    app = create_app(_settings(), announce=lambda runtime: announce(runtime))
    config = uvicorn.Config(app, host=host, port=port, log_level=log_level, timeout_graceful_shutdown=GRACE_S)
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    address = f"[{host}]" if ":" in host else host
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else address}:{listening.getsockname()[1]}"

    def announce(runtime: Runtime) -> None:
        if runtime.is_ready:
            linker = runtime.loaded.linker
            print(
                f"WikiCLIP answers on {url} (POST /link; try it at {url}/docs):"
                f" {len(linker.index):,} entities, model {linker.model.name}. Stop it with Ctrl-C.",
                flush=True,
            )
        else:
            server.should_exit = True

    print("Loading model and index ...", file=sys.stderr, flush=True)
    server.run(sockets=[listening])
    if not app.state.runtime.is_ready:
        raise typer.Exit(1)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = "_".join(["WIKICLIP", *(str(part).upper() for part in detail["loc"])])
            print(f"{name}: {detail['msg']}.", file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(serve)
