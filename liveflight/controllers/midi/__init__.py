"""Take MIDI from every port: bound knobs, MIDI clock, learning."""
