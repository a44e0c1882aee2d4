"""Take OSC over UDP and send it back to control surfaces."""
