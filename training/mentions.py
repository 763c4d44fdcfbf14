"""Compares ways to make a vector of a masked region: `python -m training.mentions`.

Nothing is trained: the cosine of frozen features, on the development fold's unseen entities in another photograph.
"""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor

from indexer.command import run
from training.data.dataset import ScenesData, load_scenes
from training.data.folds import Pool
from training.evaluate import DEVELOPMENT_FOLD
from training.ranking import RANKS, bootstrap, within
from wikiclip.images import read_picture
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, MentionConfig

FORMS = (
    MentionConfig(form="full"),
    MentionConfig(form="pooled"),
    *(MentionConfig(form="crop", margin=margin, background=1.0) for margin in (0.0, 0.1, 0.25)),
    *(MentionConfig(form="crop", margin=margin, background=0.3) for margin in (0.0, 0.1, 0.25)),
    *(MentionConfig(form="crop", margin=margin, background=0.0) for margin in (0.0, 0.1, 0.25)),
    MentionConfig(form="both", margin=0.1, background=0.0),
)
app = typer.Typer(add_completion=False)


@app.command()
def mentions(image_size: int = 224) -> None:
    """Print how often each form of mention finds the right entity."""
    preset = PRESETS["tiny"]
    model = WikiClip(dataclasses.replace(preset, vision=dataclasses.replace(preset.vision, image_size=image_size)))
    data = load_scenes(model)
    (pool,) = (pool for pool in data.pools if (pool.group, pool.photo) == (DEVELOPMENT_FOLD, "other"))
    table = Table("form", "margin", "background kept", title=f"Frozen features at {image_size} pixels, no training")
    for column in (*(f"rank {k}" for k in RANKS), "rank 1, 95% interval"):
        table.add_column(column, justify="right")
    for config in FORMS:
        model.preset = dataclasses.replace(preset, vision=model.preset.vision, mention=config)
        rank_Q, entity_Q = _ranks(data, pool)
        first = bootstrap(within(rank_Q, 1), entity_Q)
        shares = (f"{100 * within(rank_Q, k).mean():.1f}" for k in RANKS)
        cropped = config.form in ("crop", "both")
        settings = (f"{config.margin:g}", f"{config.background:g}") if cropped else ("-", "-")
        table.add_row(config.form, *settings, *shares, f"{first.low:.1f} to {first.high:.1f}")
    Console(width=120).print(table)


def _ranks(data: ScenesData, pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    features, rows = data.mentions(pool, test=True)
    entity_Q = rows.numpy()
    scores_QN = F.normalize(torch.from_numpy(np.array(features.pooled_QW)), dim=-1) @ _pictures(data).T
    own_Q = torch.from_numpy(np.searchsorted(data.labelled, entity_Q))
    return (scores_QN > scores_QN.gather(1, own_Q[:, None])).sum(dim=1).numpy(), entity_Q


def _pictures(data: ScenesData) -> Tensor:
    """Unit pooled vectors of the labelled records' pictures, cut as the form of mention asks."""
    assert data.kb.image_root is not None
    views = []
    for row in data.labelled:
        picture = read_picture(data.kb.image_root / data.entities[row].images[0])
        view = data.model.prepare_entity("", picture).view
        assert view is not None
        views.append(view)
    return F.normalize(data.model.see(views).pooled_BW, dim=-1)


if __name__ == "__main__":
    run(app)
