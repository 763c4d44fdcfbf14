"""WordNet's nouns, and the default knowledge base that is made of them."""
