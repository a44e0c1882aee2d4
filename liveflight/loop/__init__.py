"""Run the frame loop: pacing, scheduling of ascent steps, open controllers, overlays."""
