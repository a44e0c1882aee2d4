"""Keep a thumbnail of every active filter of a network."""
