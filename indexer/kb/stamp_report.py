"""How the stamps were matched, for whoever reviews the table of overrides: `python -m indexer.kb.stamp_report`."""

from collections import defaultdict

import typer

from indexer.kb.nouns import WORDNET, read_nouns
from indexer.kb.stamps import STAMPS, match_stamps, with_photographs
from wikiclip.base.command import run
from wikiclip.base.paths import debian_root

app = typer.Typer(add_completion=False)


@app.command()
def report() -> None:
    """Print how many stamps were matched, those that were not, and those made from one photograph."""
    folder = debian_root() / STAMPS
    found = match_stamps(folder, read_nouns(debian_root() / WORDNET))
    photographs_of, stamps_of = defaultdict(set), defaultdict(list)
    for stamp in with_photographs(folder, found):
        photographs_of[stamp.entity_id].add(stamp.photograph)
        stamps_of[stamp.photograph].append(f"{stamp.path} ({stamp.entity_id})")
    several = sum(len(photographs) > 1 for photographs in photographs_of.values())
    typer.echo(
        f"{len(found.matches)} of {len(found.matches) + len(found.unmatched)} stamps show {len(photographs_of)} "
        f"entities in {len(stamps_of)} photographs; {several} entities have two or more."
    )
    typer.echo("\nNot matched:")
    for path, caption in found.unmatched:
        typer.echo(f"  {path}: {caption}")
    typer.echo("\nMade from one photograph:")
    for twins in stamps_of.values():
        if len(twins) > 1:
            typer.echo(f"  {', '.join(twins)}")


if __name__ == "__main__":
    run(app)
