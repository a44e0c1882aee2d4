"""Read images, cameras, video files and sound files."""
