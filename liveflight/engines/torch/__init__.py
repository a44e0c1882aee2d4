"""Compute gradients with torch, forward and backward passes written by hand."""
