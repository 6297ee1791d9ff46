"""The documents, and what writes one of them."""
