"""The command line that serves: `python -m service`."""

import gc
import ipaddress
from contextlib import suppress
from typing import Annotated

import typer

from service.engine.allocator import keep_freed_memory
from service.http.listening import listen
from service.schemas import Readiness
from service.settings import Settings, is_alone, read_settings, unknown_settings
from service.telemetry import logs, tracing
from service.telemetry.logs import LogLevel
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import cores

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8000,
    log_level: Annotated[LogLevel, typer.Option(help="With `info`, a line for each request.")] = "warning",
) -> None:
    """Answer POST /link until it is stopped. Settings are environment variables that begin with WIKICLIP_."""
    if is_alone():
        _serve_alone(read_settings(), host, port, log_level)
    else:
        _serve_by_several(host, port, log_level)


def _serve_alone(settings: Settings, host: str, port: int, log_level: LogLevel) -> None:
    """One process does everything."""
    from service.engine.runtime import Runtime
    from service.server import make_server

    keep_freed_memory()
    _begin(settings, host, log_level)

    def announce() -> None:
        runtime: Runtime = application.state.runtime
        if runtime.is_ready:
            # Model and index stay: a collection that looks at them again takes a tenth of a second from all requests.
            gc.collect()
            gc.freeze()
            _say(_ready(runtime.readiness(), url))
        else:
            server.should_exit = True

    server, application = make_server(settings, announce=announce)
    listening = listen(host, port)
    url = _url(host, listening.getsockname()[1])
    _say("Loading model and index ...", err=True)
    server.run(sockets=[listening])
    if not application.state.runtime.is_ready:
        raise typer.Exit(1)


def _serve_by_several(host: str, port: int, log_level: LogLevel) -> None:
    """Fronts and engines, and this process looks after them: it imports nothing that computes."""
    from service.processes.forks import Forks
    from service.processes.supervisor import Started, supervise

    forks = Forks()
    settings, planned = forks.plan()
    if not planned.engines:
        _serve_alone(settings, host, port, log_level)
        return
    _begin(settings, host, log_level)
    listening = listen(host, port)
    url = _url(host, listening.getsockname()[1])
    if planned.fronts > cores():
        _say(f"{planned.fronts} fronts on {cores()} cores win nothing, and each takes memory.", err=True)
    _say(f"Loading model and index ({planned.fronts} fronts, engines: {len(planned.engines)}) ...", err=True)
    started = Started(
        settings=settings,
        plan=planned,
        listening=listening,
        log_level=log_level,
        announce=lambda about: _say(_ready(about, url)),
    )
    if not supervise(started, forks):
        raise typer.Exit(1)


def _begin(settings: Settings, host: str, log_level: LogLevel) -> None:
    """Raises WikiClipError."""
    expect_keys(host, settings)
    for line in unknown_settings():
        _say(line, err=True)
    logs.configure(log_level, settings.log_format)
    tracing.configure()


def expect_keys(host: str, settings: Settings) -> None:
    """Raises WikiClipError where others than this machine could ask without a key, and nobody said they may."""
    if settings.keys is not None or settings.allow_anyone or _is_loopback(host):
        return
    raise WikiClipError(
        f"On {host} others than this machine can ask. Make a key with `python -m service.keys add NAME --file keys` and"
        " set WIKICLIP_KEYS=keys, or set WIKICLIP_ALLOW_ANYONE=true where a firewall or a proxy decides who may."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(text: str, *, err: bool = False) -> None:
    """Says it if it can be written: a full disk must not keep the service from serving."""
    with suppress(OSError):
        typer.echo(text, err=err)


def _ready(about: Readiness, url: str) -> str:
    return (
        f"WikiCLIP is ready on {url} with {about.entities:,} entities (model {about.model}),"
        f" encoded on {about.encode}; searched as {about.search} Ctrl-C stops it."
    )


def _url(host: str, port: int) -> str:
    """An address to open on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


if __name__ == "__main__":
    run(app)
