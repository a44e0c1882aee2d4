"""Capture whole ascent steps as CUDA graphs, with kernels of our own."""
