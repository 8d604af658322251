"""Tracebacks as texts, without their source lines: a component has no files, and looking for one ends its instance."""

import os
from types import TracebackType

MOST_FRAMES = 20
MOST_ERRORS = 5
"""Of a chain of causes."""


def describe(error: BaseException) -> str:
    """Its class and message, as in the last line of Python's own traceback."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    message = message_of(error)
    return f"{name}: {message}" if message else name


def message_of(error: BaseException) -> str:
    """str(error), also when the class's own __str__ raises."""
    try:
        return str(error)
    except Exception as failed:
        return f"<its __str__ raised {type(failed).__name__}>"


def format_error(error: BaseException) -> str:
    """What led to it, outermost first: the causes, then a line for each call and one for the error."""
    chain, seen = [], set()
    while error is not None and id(error) not in seen and len(chain) < MOST_ERRORS:
        seen.add(id(error))
        lines = ["Traceback (most recent call last):", *_frames(error.__traceback__), describe(error)]
        chain.append("\n".join(lines))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nand then\n".join(reversed(chain))


def _frames(traceback: TracebackType | None) -> list[str]:
    lines = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append(f"  {os.path.basename(code.co_filename)}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    left_out = len(lines) - MOST_FRAMES
    if left_out > 0:
        half = MOST_FRAMES // 2
        lines[half:-half] = [f"  … {left_out} more calls …"]
    return lines


def format_load_error(error: BaseException, file: str, own: tuple[str, ...]) -> str:
    """What kept an aggregate from being loaded, with the place in its code first: FILE:LINE: ERROR. `own` are the folders
    whose frames say nothing to its author."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        text = (error.text or "").rstrip("\n")
        marker = " " * max((error.offset or 1) - 1, 0) + "^"
        shown = f"\n    {text}\n    {marker}" if text.strip() else ""
        return f"{os.path.basename(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}{shown}"
    calls, traceback = [], error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(("<frozen", *own)):
            calls.append(f"{os.path.basename(code.co_filename)}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    lines = [f"{calls[-1] if calls else file}: {describe(error)}"]
    if isinstance(error, ModuleNotFoundError):
        lines.append(
            "    a component has Python's standard library, the modules beside the aggregate's, and the pure-Python packages of "
            "the active virtual environment"
        )
    lines += [f"    reached from {call}" for call in reversed(calls[:-1][-MOST_FRAMES:])]
    return "\n".join(lines)
