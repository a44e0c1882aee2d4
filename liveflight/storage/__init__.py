"""Read and write presets, cues, favourites, stars, recordings: files in, checked data out."""
