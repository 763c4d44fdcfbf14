"""Masks for whoever imports them by name: what one is, and how a region that a caller hands over becomes one."""

from wikiclip.regions.declared import UNDECLARED, Declared, expect_declared, rests_on_declared
from wikiclip.regions.decode import decode_png_mask, decode_region
from wikiclip.regions.mask import Mask, bounds, whole
from wikiclip.regions.region import REGION_CODES, RegionCode, RegionError, Rle
from wikiclip.regions.rle import area_of_rles, decode_rles, encode_rle

__all__ = [
    "REGION_CODES",
    "UNDECLARED",
    "Declared",
    "Mask",
    "RegionCode",
    "RegionError",
    "Rle",
    "area_of_rles",
    "bounds",
    "decode_png_mask",
    "decode_region",
    "decode_rles",
    "encode_rle",
    "expect_declared",
    "rests_on_declared",
    "whole",
]
