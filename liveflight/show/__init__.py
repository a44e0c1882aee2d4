"""Keep the show's state: what is flown, which presets and cues play, how targets are found."""
