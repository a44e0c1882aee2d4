"""Spread one canvas over the displays and GPUs of several processes, the ranks of a wall."""
