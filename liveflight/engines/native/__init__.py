"""Compute gradients with kernels compiled for this processor."""
