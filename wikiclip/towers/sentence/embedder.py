"""A model that embeds a picture and a text together, of sentence-transformers' kind; Qwen3-VL-Embedding is one.

A mention is what it makes of the picture, asked with an instruction where there is one. An entity is what it makes of
picture and description as one input, or of what there is of the two.

Axes: B item, P patch (one: the picture); W width of its vectors; C, H, W of pixels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import JointEmbedding, VisionBackbone
from wikiclip.towers.hub import repository
from wikiclip.towers.sentence.files import EMBEDDER, digest
from wikiclip.towers.sentence.models import UNLOADED, loaded, refusal
from wikiclip.towers.sentence.pictures_and_texts import TAKEN, Input, PicturesAndTexts, Pixels, picture
from wikiclip.towers.text import TextFeatures
from wikiclip.towers.vision import VisionFeatures, VisionTower

from sentence_transformers import SentenceTransformer  # isort: skip

# Inputs a forward pass; one is some two hundred tokens of a picture and as many of a text.
AT_ONCE_ON_CPU, AT_ONCE_ON_GPU = 4, 32


class Embedder(nn.Module):
    """Vectors of pictures, of texts, and of both together. Safe on any thread.

    Args:
        model: a frozen one.
        asked: how it is asked.

    Attributes:
        width: W, of what is kept of its vectors. They are not normalised.
    """

    def __init__(self, model: SentenceTransformer, asked: JointEmbedding) -> None:
        super().__init__()
        self.model, self._instruction = model, asked.instruction
        self._asked = PicturesAndTexts(model, max_tokens=asked.max_tokens)
        made = model.get_embedding_dimension() or 0
        self.width = asked.width or made
        if self.width > made:
            raise WikiClipError(f"The model's vectors have {made} numbers, of which none are the first {self.width}.")

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.device

    def mentions(self, pictures: Sequence[Pixels]) -> Tensor:
        """Vectors [B, W] of mentions' pictures, [C, H, W] each."""
        prompts = self.model.prompts
        prompt = self._instruction or prompts.get("query") or prompts.get(self.model.default_prompt_name or "")
        return self._embedded([picture(pixels) for pixels in pictures], prompt, "query")

    def entities(self, pictures: Sequence[Pixels | None], texts: Sequence[str]) -> Tensor:
        """Vectors [B, W] of records. A text that is empty counts as none; picture or text must be there."""
        inputs = self._asked.inputs(pictures, texts)
        prompts = self.model.prompts
        prompt = prompts.get("document") or prompts.get(self.model.default_prompt_name or "")
        made_BW = torch.zeros(len(inputs), self.width, device=self.device)
        for kind in {tuple(one) for one in inputs}:  # not every model takes inputs of several kinds in one batch
            places = [place for place, one in enumerate(inputs) if tuple(one) == kind]
            made_BW[places] = self._embedded([inputs[place] for place in places], prompt, "document")
        return made_BW

    def _embedded(self, inputs: list[Input], prompt: str | None, task: str) -> Tensor:
        most = AT_ONCE_ON_CPU if self.device.type == "cpu" else AT_ONCE_ON_GPU
        made: list[Tensor] = []
        for start in range(0, len(inputs), most):
            out = self._asked.outputs(inputs[start : start + most], prompt=prompt, task=task)
            made.append(out["sentence_embedding"][:, : self.width].float())
        return torch.cat(made)


class EmbedderTower(VisionTower):
    """Mentions' pictures by an embedder, each of which is one patch of its own.

    Args:
        backbone: what the embedder was made of.
    """

    network: Embedder

    def __init__(self, embedder: Embedder, backbone: VisionBackbone) -> None:
        super().__init__(embedder, backbone)

    @property
    def embedder(self) -> Embedder:
        """What it sees by, and what reads descriptions."""
        return self.network

    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        """Sees pictures as `VisionTower.forward` says; the vector of each is its only patch."""
        pooled_BW = self.network.mentions(list(pixels_BCHW.cpu().numpy()))
        return VisionFeatures(pooled_BW[:, None], pooled_BW)

    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        return features.pooled_BW * (weights_BP > 0)


class EmbedderText(nn.Module):
    """Descriptions alone by an embedder: each is a sentence, which stands for its tokens.

    Attributes:
        width, sentence_width: W.
    """

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder
        self.width = self.sentence_width = embedder.width

    @torch.inference_mode()
    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Encodes descriptions, cut after the tokens that the embedder is asked with."""
        sentence_BW = F.normalize(self.embedder.entities([None] * len(texts), texts), dim=-1)
        return TextFeatures(sentence_BW[:, None], sentence_BW.new_zeros(len(texts), 1).bool(), sentence_BW)

    def places(self, text: str) -> list[tuple[int, int]] | None:
        """None: a description is read as a whole."""
        return None


def open_embedder(backbone: VisionBackbone) -> EmbedderTower:
    """The embedder on the processor, frozen, as a tower that has it as `embedder`.

    Raises:
        WikiClipError: its files are missing or not those expected, need code of their own, or are no model that takes
            a picture and a text in one input.
    """
    assert backbone.joint is not None
    folder = repository(backbone.weights, backbone.revision, EMBEDDER)
    if backbone.sha256 is not None and (found := digest(folder)) != backbone.sha256:
        raise WikiClipError(f"The files of {backbone.weights} have sha256 {found}, not {backbone.sha256}.")
    model = loaded(SentenceTransformer, folder, backbone.weights, takes=TAKEN)
    try:
        return EmbedderTower(Embedder(model, backbone.joint), backbone)
    except UNLOADED as error:
        raise refusal(backbone.weights, error) from error
