"""The memory that the service promises not to pass, from its settings: docs/service.md explains the terms."""

from indexer.asked import MOST_KEPT
from service.settings import MIB, Settings

VALUES = 200 * MIB  # of one body's JSON values, which are bounded in number
BODY_COPIES = 7  # of one body while it is parsed: as text of four bytes a character, as strings, and decoded
PIXEL_BYTES = 40  # while a picture is decoded and cut: pixels, alpha, composite, the turned picture, masks
MENTION_BYTES = 2 * 260 * 260 * 7  # two views of three colours, and what the mask covers as a float
BATCH_BYTES = 350 * MIB  # an encoder at work on 16 views, the most of a forward pass


def most_bytes(settings: Settings) -> int:
    """What the process takes beyond what it takes once it is ready."""
    bodies = settings.max_held_bytes + 2 * settings.max_body_bytes
    body = VALUES + BODY_COPIES * settings.max_body_bytes
    decoding = settings.decoders * (body + MOST_KEPT + PIXEL_BYTES * settings.max_pixels)
    mentions = settings.queue * settings.max_regions * MENTION_BYTES
    encoding = settings.encoders * BATCH_BYTES
    return bodies + decoding + settings.picture_cache_bytes + mentions + encoding
