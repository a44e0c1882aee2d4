"""Turn what performers play, over OSC, MIDI, keys or sound, into messages in the mailbox."""
