"""Talk to the operating system: threads, processes, signals, folders, logs, memory."""
