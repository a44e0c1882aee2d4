"""Receive DMX over the network, as Art-Net or sACN: channels that were learned move controls."""
