"""A model hub for who has none: `python -m benchmarks.hub --port 8951`, and HF_ENDPOINT=http://127.0.0.1:8951."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.hub.repositories import REPOSITORIES, write_repositories
from benchmarks.hub.server import StandInHub
from wikiclip.base.command import run
from wikiclip.base.paths import home

app = typer.Typer(add_completion=False)


@app.command()
def hub(
    port: Annotated[int, typer.Option(help="Where to listen, on loopback.")] = 8951,
    root: Annotated[Path | None, typer.Option(help="Where its repositories are kept; var/hub if left out.")] = None,
) -> None:
    """Serve small towers at random weights by the hub's protocol. What they answer means nothing."""
    folder = root or home() / "hub"
    write_repositories(folder)
    stand_in = StandInHub(folder, port)
    typer.echo(f"{', '.join(REPOSITORIES)}\nHF_ENDPOINT={stand_in.endpoint}")
    stand_in.serve()


if __name__ == "__main__":
    run(app)
