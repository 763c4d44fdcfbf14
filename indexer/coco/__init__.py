"""Annotations in the shape of COCO, of any size: read as a stream, with the pictures that they list."""
