"""From texts to an aggregate's methods and back. Nothing here knows WebAssembly; the test kit and the guest share it."""

import dataclasses
import inspect
import json
import types
import typing
from typing import Any

from thalo import log
from thalo.aggregate import Aggregate, Context, Rejection
from thalo.fields import Field, FieldError, dumps, struct
from thalo.trace import format_error, message_of


class Failure(Exception):
    """One of the contract's failures: `case` is its name there, `subject` the command's, event's or error's name."""

    def __init__(self, case: str, subject: str, message: str) -> None:
        super().__init__(message)
        self.case = case
        self.subject = subject
        self.message = message


@dataclasses.dataclass
class Broken:
    """In place of an entity whose `__init__` raised: the contract has no answer that a constructor could give."""

    kind: str
    message: str


class Description:
    """What a class says of itself, checked and ready for use."""

    def __init__(self, aggregate: type[Aggregate]) -> None:
        self.aggregate = aggregate
        self.commands = _kinds(aggregate, "Command")
        self.events = _kinds(aggregate, "Event")
        self.takes_context = len(inspect.signature(aggregate.handle).parameters) > 2
        self.snapshot_format = aggregate.snapshot_format
        self.state: Field | None = None
        if self.snapshot_format is not None:
            if not dataclasses.is_dataclass(aggregate):
                raise TypeError(f"{aggregate.__name__} offers snapshots (snapshot_format): put @dataclass before it")
            self.state = struct(aggregate)

    def create(self) -> Any:
        return self.aggregate()

    def create_or_broken(self) -> Any:
        """An entity; where its `__init__` raises, one that answers everything with that mistake."""
        try:
            return self.create()
        except Exception as error:
            log.error(f"__init__ of {self.aggregate.__name__} raised\n{format_error(error)}")
            return Broken(type(error).__name__, f"__init__ raised {type(error).__name__}: {message_of(error)}")

    def handle(self, entity: Any, name: str, payload: str, context: Context) -> list[tuple[str, str]]:
        kind = self.commands.get(name)
        if kind is None:
            raise Failure("deserialize-command", name, f"unknown command; known are {', '.join(self.commands)}")
        try:
            command = kind[1].read(json.loads(payload), "")
        except (FieldError, ValueError, RecursionError) as error:
            raise Failure("deserialize-command", name, str(error)) from None
        return [self.write_event(event) for event in self._decide(entity, name, command, context)]

    def _decide(self, entity: Any, name: str, command: Any, context: Context) -> list:
        if isinstance(entity, Broken):
            raise _mistake(entity.kind, entity.message)
        try:
            answer = entity.handle(command, context) if self.takes_context else entity.handle(command)
        except Rejection as rejection:
            raise _refusal(rejection) from None
        except Exception as error:
            # Whoever runs it wants to know where.
            log.error(f"handle of {name} raised\n{format_error(error)}")
            raise _mistake(type(error).__name__, f"handle raised it: {message_of(error)}") from None
        if answer is None:
            return []
        return list(answer) if isinstance(answer, (list, tuple)) else [answer]

    def write_event(self, event: Any) -> tuple[str, str]:
        name = type(event).__name__
        kind = self.events.get(name)
        if kind is None or kind[0] is not type(event):
            raise Failure("serialize-event", name, f"{name} is no event of the aggregate; known are {', '.join(self.events)}")
        try:
            return name, dumps(kind[1].write(event, ""))
        except (FieldError, TypeError, ValueError, RecursionError) as error:
            raise Failure("serialize-event", name, f"{name}: {error}") from None

    def write_command(self, command: Any) -> tuple[str, str]:
        name = type(command).__name__
        kind = self.commands.get(name)
        if kind is None or kind[0] is not type(command):
            raise TypeError(f"{name} is no command of {self.aggregate.__name__}")
        return name, dumps(kind[1].write(command, ""))

    def apply(self, entity: Any, name: str, payload: str) -> None:
        kind = self.events.get(name)
        if kind is None:
            raise Failure("deserialize-event", name, f"unknown event; known are {', '.join(self.events)}")
        try:
            event = kind[1].read(json.loads(payload), "")
        except (FieldError, ValueError, RecursionError) as error:
            raise Failure("deserialize-event", name, str(error)) from None
        if isinstance(entity, Broken):
            raise Failure("deserialize-event", name, entity.message)
        try:
            entity.apply(event)
        except Exception as error:
            log.error(f"apply of {name} raised\n{format_error(error)}")
            raise Failure("deserialize-event", name, f"{type(error).__name__}: {message_of(error)}") from None

    def snapshot(self, entity: Any) -> str:
        if isinstance(entity, Broken):
            raise ValueError(entity.message)
        assert self.state is not None
        return dumps(self.state.write(entity, ""))

    def restore(self, entity: Any, text: str) -> None:
        if isinstance(entity, Broken):
            raise ValueError(entity.message)
        assert self.state is not None
        restored = self.state.read(json.loads(text), "")
        for field in dataclasses.fields(restored):
            setattr(entity, field.name, getattr(restored, field.name))


def rejection_text(rejection: Rejection) -> tuple[str, str]:
    """Its name, and what the client gets."""
    if not dataclasses.is_dataclass(rejection):
        return "Rejected", dumps({"type": "Rejected", "message": str(rejection)})
    name = type(rejection).__name__
    return name, dumps({"type": name, **struct(type(rejection)).write(rejection, "")})


def _mistake(kind: str, message: str) -> Failure:
    """What is no Rejection is no answer of the rules: the client is told that the module failed."""
    return Failure("serialize-error", kind, f"it is no Rejection but a mistake in the code, its traceback is in the log; {message}")


def _refusal(rejection: Rejection) -> Failure:
    try:
        name, text = rejection_text(rejection)
    except (FieldError, TypeError, ValueError, RecursionError) as error:
        return Failure("serialize-error", type(rejection).__name__, str(error))
    return Failure("command", name, text)


def _kinds(aggregate: type[Aggregate], name: str) -> dict[str, tuple[type, Field]]:
    union = getattr(aggregate, name, None)
    is_union = typing.get_origin(union) in (typing.Union, types.UnionType)
    members = typing.get_args(union) if is_union else (union,)
    for member in members:
        if not isinstance(member, type):
            raise TypeError(f"{aggregate.__name__} does not say its {name}: {name} = One | Other, each a dataclass")
        if not dataclasses.is_dataclass(member):
            raise TypeError(f"{aggregate.__name__}.{name}: {member.__name__} is no dataclass; put @dataclass before it")
    return {member.__name__: (member, struct(member)) for member in members}


def find_aggregate(module: Any) -> type[Aggregate]:
    """The one class in a module that is derived from Aggregate."""
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Aggregate) and value is not Aggregate and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise TypeError(f"{module.__name__} must have one class derived from thalo.Aggregate; it has {names}")
    return found[0]
