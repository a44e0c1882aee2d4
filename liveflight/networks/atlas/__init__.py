"""Keep a thumbnail of every living filter of a network."""
