"""How pictures were matched, for whoever reviews a table of overrides: `python -m indexer.kb.matched`."""

from collections import defaultdict
from typing import Annotated

import typer

from indexer.default_data.needs import Fetched
from indexer.kb.wikipedia.knowledge_base import Wikipedia
from indexer.kb.wordnet.knowledge_base import WordNet
from wikiclip.base.command import run
from wikiclip.base.paths import articles_root, debian_root

app = typer.Typer(add_completion=False)


@app.command()
def report(kb: Annotated[Fetched, typer.Option(help="Which knowledge base.")] = Fetched.WORDNET) -> None:
    """Print how many pictures were matched, those that were not, and those made from one photograph."""
    source = WordNet(debian_root()) if kb == Fetched.WORDNET else Wikipedia(debian_root(), articles_root())
    found = source.matches
    photographs_of, stamps_of = defaultdict(set), defaultdict(list)
    for stamp in source.stamps:
        photographs_of[stamp.entity_id].add(stamp.photograph)
        stamps_of[stamp.photograph].append(f"{stamp.path} ({stamp.entity_id})")
    several = sum(len(photographs) > 1 for photographs in photographs_of.values())
    typer.echo(
        f"{len(found.matches)} of {len(found.matches) + len(found.unmatched)} pictures show {len(photographs_of)} "
        f"entities in {len(stamps_of)} photographs and drawings; {several} entities have two or more."
    )
    typer.echo("\nNot matched:")
    for path, caption in found.unmatched:
        typer.echo(f"  {path}: {caption}")
    typer.echo("\nMade from one photograph or drawing:")
    for twins in stamps_of.values():
        if len(twins) > 1:
            typer.echo(f"  {', '.join(twins)}")


if __name__ == "__main__":
    run(app)
