"""Parse the command line and print: the only place that prints."""
