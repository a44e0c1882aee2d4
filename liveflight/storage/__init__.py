"""Read and write files: presets, cue lists, favourites, recordings. Checked data out."""
