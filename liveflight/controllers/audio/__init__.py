"""Measure sound from a microphone, a line or a file."""
