"""Trains a checkpoint: `python -m training.train`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from indexer.command import run
from indexer.debian import package_versions
from training.config import TrainConfig
from training.data.dataset import load_scenes
from training.fit import fit_encoder
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

app = typer.Typer(add_completion=False)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Where the checkpoint goes.")] = Path("var/checkpoints/tiny"),
    preset: Annotated[str, typer.Option(help="Which pair of backbones.")] = "tiny",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = TrainConfig.steps,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = TrainConfig.seed,
) -> None:
    """Train on every scene of the default data, and write a checkpoint."""
    config = TrainConfig(steps=steps, seed=seed)
    model = WikiClip(PRESETS[preset])
    data = load_scenes(model)
    with tqdm(total=config.steps, desc="Training", unit=" steps") as bar:

        def on_step(step: int, metrics: dict[str, float]) -> None:
            bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            bar.update()

        model.entity = fit_encoder(data, config, on_step=on_step)
    command = f"python -m training.train --preset {preset} --steps {steps} --seed {seed}"
    model.save(out, made_by={"command": command, "recipe": asdict(config), "data": package_versions()})
    typer.echo(f"Wrote {out}")


if __name__ == "__main__":
    run(app)
