"""Models of sentence-transformers out of a hub or a folder: of texts, of pictures with texts, and of pairs."""
