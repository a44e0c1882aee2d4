"""Parse the command line, run its commands and print; nothing else in the package prints."""
