"""A model with the vision tower of the preset `base`, and an index: `python -m benchmarks.large_model`.

For `benchmarks.serve --model`, to see what the service costs beside a tower of the size that the paper's kind has. Its
weights are random: what it answers means nothing, and takes as long as if it did. No model hub is asked.
"""

import json
import shutil
from dataclasses import replace
from itertools import islice

import typer

from benchmarks import benchmarks_home
from indexer.build import build
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.record import Entity
from wikiclip.base.command import run
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

RECORDS = 2000  # searching these takes no time beside the tower
app = typer.Typer(add_completion=False)


@app.command()
def large_model() -> None:
    """Write a checkpoint and an index of some of the demo's texts, and print how to measure with them."""
    folder = benchmarks_home() / "large"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    base, tiny = PRESETS["base"], PRESETS["tiny"]
    preset = replace(base, vision=replace(base.vision, weights="random"), text=tiny.text)
    WikiClip(preset).save(folder / "model", made_by={"by": "benchmarks.large_model"})
    entities = (record for record in open_kb(KnowledgeBaseName.WORDNET).records() if isinstance(record, Entity))
    lines = (
        json.dumps({"entity_id": e.entity_id, "title": e.title, "text": e.text}) for e in islice(entities, RECORDS)
    )
    records = folder / "records.jsonl"
    records.write_text("\n".join(lines), encoding="utf-8")
    build(kb=KnowledgeBaseName.JSONL, records=records, model=str(folder / "model"), out=folder / "index")
    typer.echo(f"python -m benchmarks.serve --model {folder / 'model'} --index {folder / 'index'}")


if __name__ == "__main__":
    run(app)
