"""WikiClip: mentions and entities into one space.

Axes: B item, S view, P patch; widths V of patches, W of the pooled vector, T of tokens, M of mention vectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import checkpoint_folder, read_checkpoint, read_confidence, write_checkpoint
from wikiclip.confidence import Confidence
from wikiclip.entity import EntityEncoder, EntityFeatures, FusedEncoder, JointEncoder, VgkaEncoder
from wikiclip.masks import Mask
from wikiclip.mentions.cutter import is_whole
from wikiclip.mentions.mention import Square, View, around, cut_out, full_picture, padded
from wikiclip.mentions.semantic_tokens import attended, places
from wikiclip.mentions.views import MentionViews
from wikiclip.mentions.views import PreparedMention as PreparedMention
from wikiclip.pictures import Picture
from wikiclip.presets import TOWER, MentionConfig, Preset
from wikiclip.towers.loading import open_text_encoder, open_towers, open_vision_tower
from wikiclip.towers.sentence.embedder import Embedder, EmbedderText, EmbedderTower
from wikiclip.towers.text import TextEncoder, TextFeatures
from wikiclip.towers.tower_text import TowerText
from wikiclip.towers.vision import VisionFeatures, VisionTower

# Views a forward pass. On a processor what lies between two layers should stay in its caches: of 64 each takes a third
# more time than of 16, and together they take four times the memory.
VIEWS_ON_CPU, VIEWS_ON_GPU = 16, 64


@dataclass(frozen=True)
class PreparedEntity:
    """A record ready for the encoder; `view` is None where it has no picture."""

    text: str
    view: View | None


class WikiClip(nn.Module):
    """The two sides together.

    Attributes:
        preset: what settles its shape.
        fingerprint: sha256 of the checkpoint; "untrained" for a model that was not loaded from one.
        confidence: how sure an answer is, from its scores; None where the checkpoint does not say.
        mention_width: M.
        views: how its mentions are cut.
    """

    def __init__(
        self,
        preset: Preset,
        *,
        vision: VisionTower | None = None,
        text: TextEncoder | TowerText | EmbedderText | None = None,
    ) -> None:
        """Loads the preset's frozen backbones, or takes those given."""
        super().__init__()
        self.preset, self.fingerprint = preset, "untrained"
        self.confidence: Confidence | None = None
        tokens = preset.adaptor is not None
        if vision is None and text is None:
            vision, text = open_towers(preset.vision, preset.text, tokens=tokens)
        self.vision = vision or open_vision_tower(preset.vision)
        if text is None and isinstance(self.vision, EmbedderTower):
            text = EmbedderText(self.vision.embedder)
        self.text = text or open_text_encoder(preset.text, preset.vision, tokens=tokens)
        self.entity = self.new_entity_encoder()
        self.mention_width = self.entity.mention_width
        tower = self.vision  # by itself: a function that held the model would make a ring of references
        self.views = MentionViews(preset, size=tower.image_size, tower=lambda: tower)
        self.mean_colour, self.segmenters = self.views.mean_colour, self.views.segmenters
        self.eval()

    @property
    def name(self) -> str:
        """The preset's name."""
        return self.preset.name

    @classmethod
    def load(cls, source: str | Path) -> "WikiClip":
        """Loads a checkpoint: a directory, or the name of one that the package carries or that was made here.

        Raises:
            WikiClipError: there is none, it was changed, or a frozen backbone cannot be loaded.
        """
        directory = checkpoint_folder(source)
        preset, state, fingerprint = read_checkpoint(directory)
        try:
            model = cls(preset)
            model.entity.load_state_dict(state)
        except RuntimeError as error:
            raise WikiClipError(f"The weights in {directory} do not fit its preset: {error}") from error
        model.fingerprint, model.confidence = fingerprint, read_confidence(directory)
        return model

    def new_entity_encoder(self) -> EntityEncoder:
        """An untrained entity encoder that fits the backbones."""
        if self.preset.is_joint:
            return JointEncoder(pooled_width=self.vision.pooled_width)
        if self.preset.adaptor is None:
            assert self.preset.fusion is not None
            return FusedEncoder(self.preset.fusion, pooled_width=self.vision.pooled_width)
        return VgkaEncoder(
            self.preset,
            patch_width=self.vision.patch_width,
            pooled_width=self.vision.pooled_width,
            text_width=self.text.width,
            patches=self.patch_side**2,
        )

    @property
    def patch_side(self) -> int:
        """Patches along each side that are kept of a record's picture: 1 where no adaptor asks with them."""
        adaptor = self.preset.adaptor
        return 1 if adaptor is None else adaptor.grid or self.vision.grid

    def varied(self, preset: Preset) -> "WikiClip":
        """An untrained model of another preset; a frozen backbone that both have is shared."""
        vision = self.vision if preset.vision == self.preset.vision else None
        text = self.text if _reads_alike(preset, self.preset) else None
        return WikiClip(preset, vision=vision, text=text)

    def save(self, directory: Path, *, made_by: dict[str, Any]) -> None:
        """Writes what is learned as a checkpoint; see `checkpoint.write_checkpoint`."""
        write_checkpoint(directory, self.preset, self.entity.state_dict(), made_by)

    def prepare_mention(self, image: Image.Image, mask: Mask, *, shrunk: int = 1) -> PreparedMention:
        """Cuts a region's views. Safe on any thread.

        Args:
            image: upright, RGB.
            mask: [H, W] of the picture's size, not empty.
            shrunk: how many times smaller than the picture the image is along each side, rounded up.
        """
        return self.mention_cutter(image, shrunk=shrunk)(mask)

    def mention_cutter(self, image: Image.Image, *, shrunk: int = 1) -> Callable[[Mask], PreparedMention]:
        """What `prepare_mention` is for several regions of one picture, one after the other: what they share is made
        once, and seen once by the tower."""
        return self.views.mention_cutter(image, shrunk=shrunk)

    def prepare_entity(self, text: str, picture: Picture | None) -> PreparedEntity:
        """Cuts a record's view; a transparent background counts as outside. Safe on any thread."""
        return PreparedEntity(text, None if picture is None else self._entity_view(picture))

    def entity_frame(self, picture: Picture) -> Square:
        """The part of a record's picture that its view shows."""
        mask = shown(picture)
        return padded(mask) if is_whole(mask) else around(mask, self.record_cut)

    def mention_frame(self, mask: Mask) -> Square:
        """The part of the picture that the first view of a mention shows."""
        return self.views.mention_frame(mask)

    def fit(self, mask: Mask) -> float:
        """How many times smaller a picture may be along each side, and show a region's views as well."""
        return self.views.fit(mask)

    @property
    def record_cut(self) -> MentionConfig:
        """How a record's picture is cut."""
        return MentionConfig(background=self.preset.mention.background)

    def _entity_view(self, picture: Picture) -> View:
        opaque, size = shown(picture), self.vision.image_size
        if is_whole(opaque):
            return full_picture(picture.rgb, opaque, size=size, mean=self.mean_colour)
        return cut_out(picture.rgb, opaque, size=size, config=self.record_cut, mean=self.mean_colour)

    @torch.inference_mode()
    def encode_mentions(self, mentions: Sequence[PreparedMention]) -> NDArray[np.float32]:
        """Returns unit vectors [B, M]."""
        return self._numpy(self.entity.mention(self.pool_mentions(mentions)))

    @torch.inference_mode()
    def encode_entities(self, entities: Sequence[PreparedEntity]) -> NDArray[np.float32]:
        """Returns unit vectors [B, M]. Records of like length belong together: all are padded to the longest."""
        return self._numpy(self.entity(self.entity_features(entities)))

    @torch.inference_mode()
    def pool_mentions(self, mentions: Sequence[PreparedMention]) -> Tensor:
        """The frozen half of `encode_mentions`: pooled vectors [B, W]."""
        views = [view for mention in mentions for view in mention.views]
        row_of: dict[int, int] = {}
        distinct: list[View] = []
        rows: list[int] = []
        # A tower that is told the mask sees one picture again under each, unless only its patches count.
        apart = self.preset.vision.sees_by_mask or self.preset.mention.form == "masked"
        for view in views:
            key = id(view) if apart else id(view.pixels_CHW)
            if key not in row_of:
                row_of[key] = len(distinct)
                distinct.append(view)
            rows.append(row_of[key])
        seen = self.see(distinct)
        if len(distinct) < len(views):
            seen = seen.taken(torch.tensor(rows, device=seen.pooled_BW.device))
        return self.pool_seen(seen, mentions)

    @torch.inference_mode()
    def pool_seen(self, seen: VisionFeatures, mentions: Sequence[PreparedMention]) -> Tensor:
        """Pooled vectors [B, W] of mentions whose views were seen already."""
        config = self.preset.mention
        if config.form in ("crop", "full", "masked"):
            return seen.pooled_BW
        views = [mention.views[-1] for mention in mentions]
        full = seen.taken(slice(1, None, 2)) if config.crops else seen
        under_mask_BW = self.vision.pool(full, self.cover(views, self.vision.grid))
        if config.form == "pooled":
            return under_mask_BW
        own_BW = F.normalize(seen.pooled_BW[0::2] if config.crops else under_mask_BW, dim=-1)
        if config.form == "both":
            return own_BW + F.normalize(under_mask_BW, dim=-1)
        return self._attended(own_BW, full, mentions)

    def _attended(self, own_BW: Tensor, full: VisionFeatures, mentions: Sequence[PreparedMention]) -> Tensor:
        """What mentions are that attend to the tokens of their pictures."""
        made: dict[int, tuple[Tensor, Tensor]] = {}  # of a picture's segments; mentions of it have the same
        for number, mention in enumerate(mentions):
            assert mention.segments is not None
            if id(mention.segments) not in made:
                inside_TSS = torch.from_numpy(mention.segments).to(own_BW.device)
                weights_TP = F.adaptive_avg_pool2d(inside_TSS[:, None], self.vision.grid).flatten(1)
                picture = full.taken(slice(number, number + 1)).repeat_first(len(weights_TP))
                tokens_TW = F.normalize(self.vision.pool(picture, weights_TP), dim=-1)
                made[id(mention.segments)] = tokens_TW, places(inside_TSS)
        tokens = [made[id(mention.segments)] for mention in mentions]
        pad = torch.nn.utils.rnn.pad_sequence
        inside_BHW = torch.from_numpy(np.stack([mention.views[-1].inside_HW for mention in mentions]))
        return attended(
            own_BW,
            places(inside_BHW.to(own_BW.device)),
            pad([tokens_TW for tokens_TW, _ in tokens], batch_first=True),
            pad([places_TE for _, places_TE in tokens], batch_first=True),
            pad([own_BW.new_ones(len(tokens_TW)) for tokens_TW, _ in tokens], batch_first=True) > 0,
            self.preset.mention.tokens,
        )

    @torch.inference_mode()
    def entity_features(self, entities: Sequence[PreparedEntity]) -> EntityFeatures:
        """The frozen half of `encode_entities`."""
        if isinstance(self.vision, EmbedderTower):
            return _joint_features(self.vision.embedder, entities)
        read: TextFeatures = self.text([entity.text for entity in entities])
        textless_B = torch.tensor([not entity.text.strip() for entity in entities], device=read.tokens_BLT.device)
        has_picture_B = torch.tensor([entity.view is not None for entity in entities], device=read.tokens_BLT.device)
        side = self.patch_side
        patches_BPV = read.tokens_BLT.new_zeros(len(entities), side * side, self.vision.patch_width)
        pooled_BW = read.tokens_BLT.new_zeros(len(entities), self.vision.pooled_width)
        if has_picture_B.any():
            seen = self.see([entity.view for entity in entities if entity.view is not None])
            patches_BPV[has_picture_B] = self._coarsen(seen.patches_BPV, side)
            pooled_BW[has_picture_B] = seen.pooled_BW
        return EntityFeatures(
            patches_BPV=patches_BPV,
            pooled_BW=pooled_BW,
            has_picture_B=has_picture_B,
            tokens_BLT=read.tokens_BLT,
            # An encoder gives even the empty string tokens of its own; they describe nothing.
            padding_BL=read.padding_BL | textless_B[:, None],
            sentence_BT=read.sentence_BT.masked_fill(textless_B[:, None], 0.0),
        )

    def see(self, views: Sequence[View]) -> VisionFeatures:
        """Frozen features of any number of views, a bounded number at a time."""
        most = VIEWS_ON_CPU if self.vision.device.type == "cpu" else VIEWS_ON_GPU
        return VisionFeatures.joined([self._see(views[start : start + most]) for start in range(0, len(views), most)])

    def _see(self, views: Sequence[View]) -> VisionFeatures:
        pixels_BCHW = torch.from_numpy(np.stack([view.pixels_CHW for view in views]))
        by_mask = self.vision.uses_mask
        inside_BHW = torch.from_numpy(np.stack([view.inside_HW for view in views])) if by_mask else None
        seen: VisionFeatures = self.vision(pixels_BCHW, inside_BHW)
        return seen

    def cover(self, views: Sequence[View], side: int) -> Tensor:
        """The share of each patch that the mask covers, [B, P]."""
        inside_BHW = torch.from_numpy(np.stack([view.inside_HW for view in views])).to(self.vision.device)
        return F.adaptive_avg_pool2d(inside_BHW[:, None], side).flatten(1)

    @staticmethod
    def _coarsen(patches_BPV: Tensor, side: int) -> Tensor:
        batch, patches, width = patches_BPV.shape
        grid = round(patches**0.5)
        if side == grid:
            return patches_BPV
        square_BVHW = patches_BPV.transpose(1, 2).reshape(batch, width, grid, grid)
        return F.adaptive_avg_pool2d(square_BVHW, side).flatten(2).transpose(1, 2)

    @staticmethod
    def _numpy(vectors_BM: Tensor) -> NDArray[np.float32]:
        return vectors_BM.detach().float().cpu().numpy()


def _joint_features(embedder: Embedder, entities: Sequence[PreparedEntity]) -> EntityFeatures:
    """What a model makes of each picture with its description stands for the picture; what it makes of a description
    alone for the sentence, and no vector is made of nothing."""
    has_picture_B = torch.tensor([entity.view is not None for entity in entities])
    has_text_B = torch.tensor([bool(entity.text.strip()) for entity in entities])
    vectors_BW = torch.zeros(len(entities), embedder.width)
    if (given_B := has_picture_B | has_text_B).any():
        given = [entity for entity, there in zip(entities, given_B.tolist(), strict=True) if there]
        pictures = [None if entity.view is None else entity.view.pixels_CHW for entity in given]
        vectors_BW[given_B] = embedder.entities(pictures, [entity.text for entity in given]).cpu()
    sentence_BW = vectors_BW * ~has_picture_B[:, None]
    return EntityFeatures(
        patches_BPV=torch.zeros(len(entities), 1, embedder.width),
        pooled_BW=vectors_BW * has_picture_B[:, None],
        has_picture_B=has_picture_B,
        tokens_BLT=sentence_BW[:, None],
        padding_BL=~has_text_B[:, None],
        sentence_BT=F.normalize(sentence_BW, dim=-1),
    ).to(embedder.device)


def shown(picture: Picture) -> Mask:
    """What of a record's picture is no transparent background."""
    return picture.opaque if picture.opaque is not None else np.ones(picture.rgb.size[::-1], dtype=np.bool_)


def _reads_alike(one: Preset, other: Preset) -> bool:
    """Whether two presets have the same text encoder; one that is a tower's gives tokens only to an adaptor."""
    if one.text != other.text:
        return False
    return one.text.model != TOWER or (one.vision, one.adaptor is None) == (other.vision, other.adaptor is None)
