"""Record a flight and replay it."""
