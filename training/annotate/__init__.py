"""Reverse annotation (Xu et al., AAAI 2025, "PL-VEL"): from a picture and what it shows to the mask of where it is."""
