"""Trains a checkpoint: `python -m training.train`, or under `torchrun` on several processes."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer

from indexer.command import run
from indexer.debian import package_versions
from indexer.paths import home
from training import ranks
from training.config import TrainConfig
from training.data.source import DataOptions, training_set
from training.fit import fit_encoder
from training.options import with_options
from training.run import Run
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, PresetName

app = typer.Typer(add_completion=False)


@app.command()
@with_options(source=DataOptions, config=TrainConfig)
def train(
    *,
    preset: Annotated[PresetName, typer.Option(help="Which pair of backbones.")] = PresetName.TINY,
    out: Annotated[Path | None, typer.Option(help="The run's folder; var/runs/PRESET-DATA if left out.")] = None,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between two kept states.")] = 50,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again where another run was.")] = False,
    source: DataOptions,
    config: TrainConfig,
) -> None:
    """Train an entity encoder on a data set, and write a checkpoint. A run that was stopped goes on where it was."""
    with ranks.joined_processes():
        folder = out or home() / "runs" / f"{preset}-{source.data}"
        settings = {"preset": preset, "data": _plain(source), "versions": package_versions(), "config": asdict(config)}
        into = Run(folder, settings, fresh=fresh)
        model = WikiClip(PRESETS[preset])
        if torch.cuda.is_available():
            model.to("cuda")
        model.entity = fit_encoder(model, training_set(model, source), config, into, every=save_every)
        if ranks.rank() == 0:
            model.save(into.checkpoint, made_by=settings)
            typer.echo(f"Wrote {into.checkpoint}")


def _plain(source: DataOptions) -> dict[str, str | float | None]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(source).items()}


if __name__ == "__main__":
    run(app)
