"""The component's exports (wit/aggregate.wit). `thalo build` names this module's classes; nothing here is for users.

The modules of the contract exist only in a component: componentize-py writes them.
"""

import builtins
import contextlib
import datetime
import errno
import importlib
import io
import linecache
import os
import random
import sys
import time
from importlib.machinery import PathFinder
from typing import Any

from thalo import log
from thalo.aggregate import Context
from thalo.dispatch import Description, Failure, find_aggregate
from thalo.trace import format_load_error

import componentize_py_types
from wit_world.exports import aggregate as contract
from wit_world.imports import log as host_log

_STANDS_AT = 946684800  # 2000-01-01
_REPORT_BEGINS, _REPORT_ENDS = "[thalo: not loaded]", "[thalo: end]"

_errors = {
    "command": contract.Error_Command,
    "deserialize-command": contract.Error_DeserializeCommand,
    "deserialize-event": contract.Error_DeserializeEvent,
    "serialize-error": contract.Error_SerializeError,
}


class _LogStream(io.TextIOBase):
    """Standard output and error: lines of the log."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line:
                log._sink(self._level, line)
        return len(text)


class _NoChance(random.Random):
    def seed(self, *_: Any, **__: Any) -> None:
        pass

    def random(self) -> float:
        return 0.5

    def getrandbits(self, k: int) -> int:
        return 0


class _StandingDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_STANDS_AT, tz)

    @classmethod
    def utcnow(cls):
        return cls(2000, 1, 1)

    @classmethod
    def today(cls):
        return cls(2000, 1, 1)


class _StandingDate(datetime.date):
    @classmethod
    def today(cls):
        return cls(2000, 1, 1)


def _write_log(level: str, message: str) -> None:
    host_log.write(getattr(host_log.Level, level.upper()), message.encode("utf-8", "replace").decode())


def _close_the_world() -> None:
    """State must follow from the events alone: the clock stands, chance is always the same, output is the log."""
    terminal = sys.stderr
    # While the component is made there is no log to write to yet.
    log.log_to(lambda level, message: print(f"{level}: {message}", file=terminal))
    sys.stdout, sys.stderr = _LogStream("info"), _LogStream("warn")
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        setattr(time, name, lambda: float(_STANDS_AT))
        setattr(time, f"{name}_ns", lambda: _STANDS_AT * 10**9)
    time.sleep = lambda seconds: None
    datetime.datetime, datetime.date = _StandingDatetime, _StandingDate
    os.urandom = lambda size: bytes(size)
    chance = _NoChance()
    for name in dir(chance):
        if not name.startswith("_") and callable(getattr(random, name, None)) and name != "Random":
            setattr(random, name, getattr(chance, name))
    random._urandom = os.urandom


def _close_the_files() -> None:
    """In an instance: whatever asks for a file is told that there is none, where the system call would end the instance.
    `traceback`, `logging` and `warnings` ask for source lines."""
    linecache.cache.clear()
    linecache.checkcache = lambda filename=None: None
    linecache.updatecache = lambda filename, module_globals=None: []
    linecache.lazycache = lambda filename, module_globals: False
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [_NoMoreModules]
    builtins.open = io.open = _no_file


class _NoMoreModules:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        raise ModuleNotFoundError(f"{name} is not in the component: import it at the top of a module", name=name)


def _no_file(file: Any, *_: Any, **__: Any) -> Any:
    raise FileNotFoundError(errno.ENOENT, "an aggregate has no files", file)


_description: Description
_entered = False


def start(module: str) -> None:
    """Loads the aggregate; runs once, when the component is made."""
    global _description
    terminal = sys.stderr
    _close_the_world()
    try:
        _description = Description(find_aggregate(importlib.import_module(module)))
        _description.create()
    except BaseException as error:
        own = (os.path.dirname(__file__), os.path.dirname(os.__file__), sys.modules["thalo_start"].__file__)
        # `thalo build` shows what is between the two lines instead of componentize-py's own words.
        print(f"{_REPORT_BEGINS}\n{format_load_error(error, module + '.py', own)}\n{_REPORT_ENDS}", file=terminal)
        raise


@contextlib.contextmanager
def _contract_errors():
    try:
        yield
    except Failure as failure:
        case = _errors.get(failure.case)
        error = case((failure.subject, failure.message)) if case else contract.Error_SerializeEvent(failure.message)
        raise componentize_py_types.Err(error) from None


def _enter_the_instance() -> None:
    """Before its first entity. componentize-py itself imports modules after `start`, and has no log."""
    global _entered
    if not _entered:
        _entered = True
        _close_the_files()
        log.log_to(_write_log)


class Aggregate:
    def snapshot_format(self) -> str | None:
        return _description.snapshot_format


class Entity:
    def __init__(self, id: str) -> None:
        _enter_the_instance()
        self.id = id
        self.entity = _description.create_or_broken()

    def apply(self, events: list) -> None:
        with _contract_errors():
            for event in events:
                _description.apply(self.entity, event.event, event.payload)

    def handle(self, command: Any) -> list:
        given = command.context
        context = Context(
            self.id, given.command_id, given.time_ms, given.version, given.correlation_id, given.causation_id, given.metadata
        )
        with _contract_errors():
            texts = _description.handle(self.entity, command.command, command.payload, context)
        return [contract.Event(type_, text) for type_, text in texts]

    def snapshot(self) -> str:
        try:
            return _description.snapshot(self.entity)
        except Exception as error:
            raise componentize_py_types.Err(str(error)) from None

    def restore(self, snapshot: str) -> None:
        try:
            _description.restore(self.entity, snapshot)
        except Exception as error:
            raise componentize_py_types.Err(str(error)) from None
