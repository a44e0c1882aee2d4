"""Measure sound from a microphone, a line input or a file."""
