"""Start the program: its signals, its terminal and its exit codes."""

from __future__ import annotations

from liveflight.system import signals

if __name__ == "__main__":
    signals.exit_at_once()  # the imports below take a moment

import logging
import os
import sys
import threading
from collections.abc import Sequence

from liveflight.cli import commands, parser
from liveflight.core.contracts import LiveflightError
from liveflight.system import child_process, logs, terminal
from liveflight.system.worker import BUSY_NAME


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    The code is 0, 1 where `doctor` finds that nothing can fly, 2 for what the user can fix, or 130
    after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logs.start()
    signals.raise_interrupts()
    try:
        args = parser.parse(given)
        code = commands.COMMANDS[args.command](args)
        sys.stdout.flush()
        if args.command in commands.LISTS and (why := terminal.undelivered()):
            raise LiveflightError(f"the list cannot be written: {why}")
        return code
    except LiveflightError as error:
        print(f"liveflight: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(
            f"liveflight: out of memory ({error}): try a smaller --view or --canvas",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return signals.INTERRUPTED
    finally:
        signals.raise_interrupts()


def program() -> None:
    """Run `main` as a program of its own and end the process with its exit code."""
    os.environ.update(child_process.environment())
    terminal.secure(queued=True)
    code = main()
    sys.stdout.flush()
    signals.exit_at_once(code)  # all is closed: a signal must not make libraries print a traceback
    if any(thread.name == BUSY_NAME for thread in threading.enumerate()):
        # A thread inside torch's native code would abort the process while Python shuts down.
        logging.shutdown()
        terminal.drain()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    program()
