"""Compares what of an article a text encoder should read: `python -m training.experiments.texts`.

Photographs of Tux Paint that show an article's subject look for it among articles, which are vectors of their texts
alone: what a picture finds where the record has none.

Axes: Q photograph, N article, M width of vectors.
"""

import random
from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor
from tqdm import tqdm

from indexer.kb.pictures.drawings import is_drawing
from indexer.kb.pictures.match import MIRROR, Match
from indexer.kb.wikipedia.articles import Article
from indexer.kb.wikipedia.knowledge_base import STAMPS_PREFIX, Wikipedia, first_sentence
from training.measure.ranking import bootstrap, ranks, within
from wikiclip.base.command import run
from wikiclip.base.paths import articles_root, debian_root
from wikiclip.model import WikiClip, shown
from wikiclip.pictures import read_picture

RANKS = (1, 5, 10)
BATCH = 64
FORMS: Mapping[str, Callable[[Article], str]] = {
    "title": lambda article: article.title,
    "title: description": lambda article: f"{article.title}: {article.description}",
    "title: first sentence": lambda article: f"{article.title}: {first_sentence(article.extract)}",
    "description. first sentence": lambda article: f"{article.description}. {first_sentence(article.extract)}",
    "title: description. paragraph": lambda article: f"{article.title}: {article.description}. {article.extract}",
}

app = typer.Typer(add_completion=False)


@app.command()
def texts(
    model: Annotated[str, typer.Option(help="The name or the folder of a checkpoint.")] = "tiny",
    others: Annotated[int, typer.Option(min=0, help="Articles without a picture to look among, by chance.")] = 1600,
) -> None:
    """Print how often photographs find their article by each form of its text."""
    kb, encoder = Wikipedia(debian_root(), articles_root()), WikiClip.load(model)
    photographs = photographs_of(kb)
    queries_QM = encode_photographs(kb, encoder, photographs)
    pictured = {match.entity_id for match in kb.matches.matches}
    articles = [article for article in kb.articles if article.entity_id in pictured]
    unpictured = [article for article in kb.articles if article.entity_id not in pictured]
    articles += random.Random(0).sample(unpictured, min(others, len(unpictured)))
    row_of = {article.entity_id: row for row, article in enumerate(articles)}
    row_Q = np.array([row_of[match.entity_id] for match in photographs])
    table = Table(
        "form", title=f"{len(photographs)} photographs of {len(set(row_Q))} articles: right at rank 1 / 5 / 10, %"
    )
    for column in (f"among {len(pictured)}", f"among {len(articles):,}", "rank 10 among all of these, 95% interval"):
        table.add_column(column, justify="right")
    for name, form in FORMS.items():
        texts_NM = encode_texts(encoder, [form(article) for article in articles])
        among = ranks(queries_QM, texts_NM[: len(pictured)], torch.from_numpy(row_Q))
        of_all = ranks(queries_QM, texts_NM, torch.from_numpy(row_Q))
        shares = [" / ".join(f"{100 * within(found, k).mean():.1f}" for k in RANKS) for found in (among, of_all)]
        tenth = bootstrap(within(of_all, 10), row_Q)
        table.add_row(name, *shares, f"{tenth.low:.1f} to {tenth.high:.1f}")
    Console(width=140).print(table)


def photographs_of(kb: Wikipedia) -> list[Match]:
    """Tux Paint's photographs that show an article's subject, none of them mirrored."""
    assert kb.image_root is not None
    stamps = (match for match in kb.matches.matches if match.path.startswith(STAMPS_PREFIX))
    return [match for match in stamps if MIRROR not in match.path and not is_drawing(kb.image_root, match)]


def encode_photographs(kb: Wikipedia, encoder: WikiClip, matches: list[Match]) -> Tensor:
    """Returns unit mention vectors [Q, M], each of what a photograph shows under its own alpha."""
    assert kb.image_root is not None
    mentions = []
    for match in matches:
        picture = read_picture(kb.image_root / match.path)
        mentions.append(encoder.prepare_mention(picture.rgb, shown(picture)))
    batches = [mentions[start : start + BATCH] for start in range(0, len(mentions), BATCH)]
    return torch.from_numpy(np.concatenate([encoder.encode_mentions(batch) for batch in batches]))


def encode_texts(encoder: WikiClip, texts: list[str]) -> Tensor:
    """Returns unit entity vectors [N, M] of texts without pictures, in batches of like length."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    out_NM = torch.empty(len(texts), encoder.mention_width)
    for start in tqdm(range(0, len(order), BATCH), desc="Texts", unit=" batches", leave=False):
        places = order[start : start + BATCH]
        out_NM[places] = torch.from_numpy(
            encoder.encode_entities([encoder.prepare_entity(texts[n], None) for n in places])
        )
    return out_NM


if __name__ == "__main__":
    run(app)
