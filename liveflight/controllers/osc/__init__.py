"""Receive OSC over UDP, and send the controls' values back to surfaces."""
