"""What the paper prints of a set of masks: Tables 2, 6 and 7, and the histogram of areas (PL-VEL)."""
