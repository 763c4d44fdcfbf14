"""Wikipedia's ten thousand vital articles, and the knowledge base that is made of them."""
