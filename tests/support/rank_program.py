"""Stand in for a rank of a wall: say lines, and end with a code after some seconds or never.

rank_program.py SECONDS CODE [LINE ...]
"""

from __future__ import annotations

import sys
import time

seconds, code, *lines = sys.argv[1:]
for line in lines:
    sys.stderr.write(f"{line}\n")
time.sleep(float(seconds))
sys.exit(int(code))
