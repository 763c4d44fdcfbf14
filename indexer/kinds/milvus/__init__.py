"""Vectors in a Milvus server: an index version keeps everything else in its files, and names the collection."""
