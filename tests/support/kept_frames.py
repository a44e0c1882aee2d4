"""A frame sink that keeps copies of the frames for a test to look at."""

from __future__ import annotations

from liveflight.outputs.sinks.frame_sink import FrameSink, Picture


class KeptFrames(FrameSink):
    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def write(self, picture: Picture) -> None:
        self.pictures.append(picture.copy())

    def close(self, *, whole: bool = True) -> None:
        pass
