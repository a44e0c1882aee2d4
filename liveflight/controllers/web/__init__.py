"""Serve the web remote: a page in any browser that shows and moves every control."""
