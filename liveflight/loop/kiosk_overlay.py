"""Keep HUD, help and greeting off the picture of a kiosk."""

from __future__ import annotations

from liveflight.loop.overlay import Overlay
from liveflight.outputs.kiosk import Kiosk


def keep_off(overlay: Overlay, kiosk: Kiosk) -> None:
    """Draw nothing over the picture while the kiosk's keys are locked."""
    watched = overlay.elsewhere
    overlay.elsewhere = lambda: kiosk.locked or watched()
