"""A trunk with folded batch norms computes the same."""

import copy

import torch
from torch import nn

from tests.wikiclip.small_models import Backbones, close
from wikiclip.towers.folding import fold_batch_norms
from wikiclip.towers.loading import open_vision_tower


def test_a_folded_trunk_computes_the_same(vision_backbone: Backbones) -> None:
    torch.manual_seed(0)
    trunk = open_vision_tower(vision_backbone("timm-cnn")).network.trunk
    for part in trunk.modules():
        if isinstance(part, nn.BatchNorm2d):  # at random, as training leaves them: as made they change nothing
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.uniform_(part.bias, -1, 1)
    folded = copy.deepcopy(trunk)
    fold_batch_norms(folded)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    x_BCHW = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert close(folded(x_BCHW), trunk(x_BCHW))


def test_a_norm_that_follows_no_convolution_stays() -> None:
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
    ).eval()
    kept = layers[2]
    fold_batch_norms(layers)
    assert layers[2] is kept
    assert isinstance(layers[4], nn.Identity)
