"""Keep a show running: start it as a child process, watch it, and start it again."""
