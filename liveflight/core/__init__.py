"""Hold the pure part: no clock, no file, no thread; standard library and numpy alone."""
