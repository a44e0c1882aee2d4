"""Serve OSCQuery: every control with its range and value, over HTTP and websockets."""
