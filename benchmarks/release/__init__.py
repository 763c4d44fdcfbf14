"""A release of the shape of OVEN's and MaskOVEN-Wiki's, at any size, whole or with faults: nothing in it is real."""
