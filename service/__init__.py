"""The HTTP service: a picture and regions in, entities out."""
