"""Start the show, watch it and start it again; loads neither torch, GL nor a window library."""
