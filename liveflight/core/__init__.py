"""The pure part: standard library and numpy. Reads no clock, starts no thread, opens no file but
presets."""
