"""Record a flight and play it again."""
