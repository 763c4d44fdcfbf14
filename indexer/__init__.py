"""Knowledge bases in, immutable searchable index versions out."""
