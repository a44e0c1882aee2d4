"""Compute gradients with ONNX Runtime."""
