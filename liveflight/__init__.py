"""liveflight: play a neural network's filters live.

Importing this package loads nothing heavy; `python -m liveflight` or the `liveflight` command start
it.
"""

__version__ = "0.1.0"
