"""Show the last picture while the show is started again."""

from __future__ import annotations

from pathlib import Path


class Curtain:
    """A window under the show."""

    def open(self) -> None:
        """Open the window."""

    def show(self, picture: Path | None) -> None:
        """Show a picture, or black."""

    def close(self) -> None:
        """Close the window."""
