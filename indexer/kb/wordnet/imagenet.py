"""ImageNet's classes as WordNet synsets: what a classifier trained on ImageNet-1k has seen under a label."""

from functools import cache

from wikiclip.towers.torchvision_guard import import_torchvision


@cache
def imagenet_synsets() -> tuple[str, ...]:
    """The 1,000 synset ids of ImageNet-1k, in the order of a classifier's rows."""
    # timm imports torch and torchvision; a caller that never asks should not wait for them.
    import_torchvision()
    from timm.data.imagenet_info import ImageNetInfo

    return tuple(ImageNetInfo("imagenet-1k").label_names())  # type: ignore[no-untyped-call]
