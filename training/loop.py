"""The training loop: frozen features in, a trained entity encoder out.

Axes: B batch, K candidate, S synthesized negatives of a sample, M mention width.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.config import TrainConfig
from training.losses import info_nce
from training.negatives import draw_partners, replace_where_harder, synthesize
from training.sampling import Queries, Source, batches
from wikiclip.entity import EntityEncoder, EntityFeatures


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What a run trains on.

    Attributes:
        annotated: mentions with a known record.
        own: each record's own picture as a query.
        classes: classifier rows as queries; None where the tower has none.
        records: frozen features of the records that queries name.
        entity_R: which entity each record describes; two records of one entity are not each other's negatives.
        text_only: records that only ever are negatives.
    """

    annotated: Queries
    own: Queries
    classes: Queries | None
    records: EntityFeatures
    entity_R: Tensor
    text_only: EntityFeatures | None

    def sources(self, config: TrainConfig) -> list[Source]:
        """The sources with their shares of a batch."""
        sources = [Source(self.annotated, config.annotated), Source(self.own, config.own)]
        return sources if self.classes is None else [*sources, Source(self.classes, config.classes)]


def train(
    encoder: EntityEncoder,
    samples: Samples,
    config: TrainConfig,
    on_step: Callable[[int, dict[str, float]], None] = lambda step, metrics: None,
) -> None:
    """Trains the adaptor in place.

    Args:
        on_step: called after each step with its number and metrics.
    """
    generator = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # dropout
    log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
    adaptor = encoder.adaptor
    optimizer = torch.optim.AdamW(
        [
            {"params": list(adaptor.parameters()), "weight_decay": config.weight_decay},
            {"params": [log_scale], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
    encoder.train()
    drawn = batches(samples.sources(config), steps=config.steps, neighbours=config.neighbours, generator=generator)
    for step, batch in enumerate(drawn, start=1):
        loss = batch_loss(encoder, batch, samples, log_scale, config, generator)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_([*adaptor.parameters(), log_scale], config.clip)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            log_scale.clamp_(max=math.log(config.max_scale))
        on_step(step, {"loss": loss.item(), "gradient_norm": norm.item(), "scale": log_scale.exp().item()})
    encoder.eval()


def batch_loss(
    encoder: EntityEncoder,
    batch: Queries,
    samples: Samples,
    log_scale: Tensor,
    config: TrainConfig,
    generator: torch.Generator,
) -> Tensor:
    """InfoNCE of one batch, with synthesized negatives where they are the harder."""
    entity_B, mentions_BM, text_only = samples.entity_R[batch.record_Q], batch.mention_QM, samples.text_only
    features = drop(samples.records[batch.record_Q], config, generator)
    entities_BM = encoder(features)
    scores_BK, candidate_K = mentions_BM @ entities_BM.T, entity_B
    loss_back = info_nce(scores_BK.T, entity_B, entity_B, log_scale) if config.symmetric else None
    if config.synthesized:
        partners_BS, valid_BS = draw_partners(entity_B, config.synthesized, generator)
        synthesized_BSM = encoder(synthesize(features, partners_BS)).unflatten(0, partners_BS.shape)
        synthesized_BS = torch.einsum("bm,bsm->bs", mentions_BM, synthesized_BSM)
        scores_BK = replace_where_harder(scores_BK, synthesized_BS, partners_BS, valid_BS)
    if config.text_negatives and text_only is not None:
        rows = torch.randint(len(text_only.has_picture_B), (config.text_negatives,), generator=generator)
        scores_BK = torch.cat([scores_BK, mentions_BM @ encoder(text_only[rows]).T], dim=1)
        candidate_K = torch.cat([entity_B, torch.full((config.text_negatives,), -1)])
    loss = info_nce(scores_BK, entity_B, candidate_K, log_scale)
    return loss if loss_back is None else (loss + loss_back) / 2


def drop(features: EntityFeatures, config: TrainConfig, generator: torch.Generator) -> EntityFeatures:
    """Takes pictures and descriptions from a share of the records, never both from one."""
    chance_B = torch.rand(len(features.has_picture_B), generator=generator)
    no_picture_B = chance_B < config.drop_picture
    no_text_B = (chance_B > 1 - config.drop_text) & features.has_picture_B
    return dataclasses.replace(
        features,
        has_picture_B=features.has_picture_B & ~no_picture_B,
        padding_BL=features.padding_BL | no_text_B[:, None],
        sentence_BT=features.sentence_BT.masked_fill(no_text_B[:, None], 0.0),
    )
