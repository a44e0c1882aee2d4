"""Keep the show's state: what flies, which presets and cues play, where targets are found."""
