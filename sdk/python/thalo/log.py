"""The runtime's log, with the stream's name; natively, standard error. `print` and `logging` get there too."""

import sys


def _to_stderr(level: str, message: str) -> None:
    print(f"{level}: {message}", file=sys.stderr)


_sink = _to_stderr


def log_to(sink) -> None:
    """Where lines go from now on: a function of the level's name and the line."""
    global _sink
    _sink = sink


def debug(message: object) -> None:
    _sink("debug", str(message))


def info(message: object) -> None:
    _sink("info", str(message))


def warn(message: object) -> None:
    _sink("warn", str(message))


def error(message: object) -> None:
    _sink("error", str(message))
