"""Receive MIDI from every port: bound knobs, MIDI clock, MIDI learn."""
