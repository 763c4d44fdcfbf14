"""Why a mention scores as it does with an entity: what of its picture, which words, and which parts of the mention.

The adaptor's patches ask and its tokens answer. How much token l adds to patch p in one head is the norm of what
attention carries there, `|A_pl v_l W|` with the head's values v and its part W of the output projection (Kobayashi et
al., "Attention is Not Only a Weight", EMNLP 2020). Attention alone would not do: over the tokens it sums to one for
every patch, so that all patches would look alike, and much of it rests on tokens that carry nothing. The adaptor pools
its patches by their plain mean, so every patch counts alike. Norms are averaged over heads and added up over layers.

Axes: B item (one), H head, P patch, L token, D adaptor width, K width of a head, G patches along a side; M of mention
vectors.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wikiclip.attention import sequence_first
from wikiclip.entity import EntityFeatures, VgkaEncoder
from wikiclip.masks import Mask
from wikiclip.mentions.mention import Square
from wikiclip.model import PreparedEntity, PreparedMention, WikiClip
from wikiclip.pictures import Picture
from wikiclip.vgka import CrossAttentionLayer, VisionGuidedKnowledgeAdaptor

MOST_LEFT_OUT = 60  # words; the contexts of text towers end before
MOST_LEFT_OUT_JOINTLY = 16  # of a model that reads the picture again for each

Grid = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A mention and an entity, cut and ready for the encoder.

    Attributes:
        mention_square, entity_square: where on its picture each grid lies; None for an entity without a picture.
    """

    mention: PreparedMention
    mention_square: Square
    entity: PreparedEntity
    entity_square: Square | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What made the score.

    Attributes:
        score: the cosine of mention and entity.
        similarity_GG: the cosine of the entity with what the mention's vector would be if its picture held nothing but
            this patch: the patch goes through the tower's own head and the mention's projection, as a pooled mention
            does. NaN where the mask has no pixel. A score is no mean of these: the head is not linear.
        attention_GG: how much of the description each patch of the entity's picture took up; sums to 1. None where
            there is no picture, or no adaptor that asks with it.
        words: the description's words, as far as it was read, with the share of each in what all patches took up, or,
            without an adaptor, in what the score loses when it is left out.
    """

    score: float
    similarity_GG: Grid
    attention_GG: Grid | None
    words: list[tuple[str, float]]


def pair(
    model: WikiClip, image: Image.Image, mask: Mask, text: str, picture: Picture | None, *, shrunk: int = 1
) -> Pair:
    """Cuts both sides. Safe on any thread.

    Args:
        shrunk: how many times smaller than the mention's picture, which has the mask's size, the image is.
    """
    return Pair(
        model.prepare_mention(image, mask, shrunk=shrunk),
        model.mention_frame(mask),
        model.prepare_entity(text, picture),
        None if picture is None else model.entity_frame(picture),
    )


@torch.inference_mode()
def explain(model: WikiClip, pair: Pair) -> Explanation:
    """Encodes both sides again, and looks at what happens on the way."""
    features, views = model.entity_features([pair.entity]), pair.mention.views
    seen = model.see(views)
    entity_M = model.entity(features)[0].float().cpu()
    mention_M = model.entity.mention(model.pool_seen(seen, [pair.mention]))[0].float().cpu()

    patches = seen.patches_BPV.shape[1]
    alone_PP = torch.eye(patches, device=seen.patches_BPV.device)
    patches_PM = model.entity.mention(model.vision.pool(seen.repeat_first(patches), alone_PP))
    similarity_P = (patches_PM.float().cpu() @ entity_M).double().numpy()
    similarity_P[model.cover(views[:1], model.vision.grid)[0].cpu().numpy() == 0] = np.nan

    score = float(mention_M @ entity_M)
    adaptor = model.entity.adaptor if isinstance(model.entity, VgkaEncoder) else None
    places = model.text.places(pair.entity.text)
    if adaptor is None or places is None:
        return Explanation(score, _square(similarity_P), None, _missed(model, pair.entity, features, mention_M, score))
    carried_PL = carried(adaptor, features)[:, : len(places)]
    is_word_L = np.array([end > start for start, end in places], dtype=np.bool_)
    taken_P = carried_PL[:, is_word_L].sum(axis=1)
    return Explanation(
        score=score,
        similarity_GG=_square(similarity_P),
        attention_GG=_square(_shares(taken_P)) if pair.entity.view is not None else None,
        words=_words(pair.entity.text, places, carried_PL.sum(axis=0)),
    )


def _missed(
    model: WikiClip, entity: PreparedEntity, features: EntityFeatures, mention_M: Tensor, score: float
) -> list[tuple[str, float]]:
    """Words with the share of each in what the score loses when it is left out; those that it gains by have none."""
    joint, every = model.preset.is_joint, entity.text.split()
    words = every[: MOST_LEFT_OUT_JOINTLY if joint else MOST_LEFT_OUT]
    if not words:
        return []
    left_out = [" ".join(every[:number] + every[number + 1 :]) for number in range(len(words))]
    if joint:  # it makes another vector of the picture beside other words
        items = model.entity_features([PreparedEntity(without, entity.view) for without in left_out])
    else:
        read = model.entity_features([PreparedEntity(without, None) for without in left_out])
        same = features[torch.zeros(len(words), dtype=torch.long, device=features.pooled_BW.device)]
        items = replace(read, patches_BPV=same.patches_BPV, pooled_BW=same.pooled_BW, has_picture_B=same.has_picture_B)
    lost = score - (model.entity(items).float().cpu() @ mention_M).double().numpy()
    return [(word, float(share)) for word, share in zip(words, _shares(np.maximum(lost, 0)), strict=True)]


def carried(adaptor: VisionGuidedKnowledgeAdaptor, features: EntityFeatures) -> Grid:
    """How much each token of one record adds to each patch, [P, L], over all layers."""
    x_BPD, text_BLD, padding_BL = adaptor.begin(
        features.patches_BPV, features.has_picture_B, features.tokens_BLT, features.padding_BL
    )
    total_PL = torch.zeros(x_BPD.shape[1], text_BLD.shape[1], dtype=torch.float64)
    for layer in adaptor.layers:
        assert isinstance(layer, CrossAttentionLayer)
        total_PL += _carried_in(layer, x_BPD, text_BLD, padding_BL)[0].double().cpu()
        x_BPD = layer(x_BPD, text_BLD, padding_BL)
    return total_PL.numpy()


def _carried_in(layer: CrossAttentionLayer, x_BPD: Tensor, text_BLD: Tensor, padding_BL: Tensor) -> Tensor:
    """The norms of one layer, averaged over its heads, [B, P, L]."""
    attention, text_BLD = layer.attention, layer.norm_text(text_BLD)
    text_LBD = sequence_first(text_BLD)
    _, attended_BHPL = attention(
        sequence_first(layer.norm_patches(x_BPD)),
        text_LBD,
        text_LBD,
        key_padding_mask=padding_BL,
        need_weights=True,
        average_attn_weights=False,
    )
    width, heads = attention.embed_dim, attention.num_heads
    values_BLD = torch.nn.functional.linear(
        text_BLD, attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :]
    )
    values_BLHK = values_BLD.view(*values_BLD.shape[:2], heads, width // heads)
    out_DHK = attention.out_proj.weight.view(width, heads, width // heads)
    norms_BHL = torch.einsum("blhk,dhk->bhld", values_BLHK, out_DHK).norm(dim=-1)
    carried_BPL: Tensor = torch.einsum("bhpl,bhl->bpl", attended_BHPL, norms_BHL) / heads
    return carried_BPL


def _words(text: str, places: list[tuple[int, int]], carried_L: Grid) -> list[tuple[str, float]]:
    """Words between blanks with their shares; a token counts for the word that its last character is in."""
    found = list(re.finditer(r"\S+", text))
    of_character = np.full(len(text) + 1, -1)
    for number, word in enumerate(found):
        of_character[word.start() : word.end()] = number
    sums = np.zeros(len(found))
    read = set[int]()
    for (start, end), amount in zip(places, carried_L, strict=True):
        if end > start and of_character[end - 1] >= 0:
            sums[of_character[end - 1]] += amount
            read.add(int(of_character[end - 1]))
    kept = sorted(read)
    return [(found[number][0], float(share)) for number, share in zip(kept, _shares(sums[kept]), strict=True)]


def _shares(amounts: Grid) -> Grid:
    """The same with the sum 1; all alike where there is nothing to share."""
    total = amounts.sum()
    return amounts / total if total > 0 else np.full(len(amounts), 1 / max(1, len(amounts)))


def _square(values_P: Grid) -> Grid:
    side = round(len(values_P) ** 0.5)
    return values_P.reshape(side, side)
