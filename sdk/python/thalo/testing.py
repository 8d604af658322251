"""Tests of an aggregate's rules: given events, when a command comes, then events (or a refusal).

    given(Counter, Incremented(5)).when(Decrement(2)).then(Decremented(2))
    given(Counter).when(Decrement(2)).then_rejected(BelowZero(0, 2))
    given(Counter).when_json("Decrement", '{"amount":-1}').then_invalid("amount")

Everything goes through JSON as in the runtime, so what cannot be stored fails here; an aggregate with snapshots is also
put through one before the command, and a handler that changes the state is found out. What nothing is expected of makes
the program end with exit code 1: a `given` without a `when`, a `when` without one of the `then` or `state`.
"""

import atexit
import copy
import dataclasses
import os
import sys
from typing import Any, Generic, TypeVar

from thalo.aggregate import Aggregate, Context, Rejection
from thalo.dispatch import Description, Failure, rejection_text

A = TypeVar("A", bound=Aggregate)


_unused: dict[object, str] = {}
"""What is still to be used, with what to say if it is not."""


def _must_be_used(made: object, message: str) -> None:
    frame = sys._getframe()
    while frame.f_code.co_filename == __file__ and frame.f_back:
        frame = frame.f_back
    _unused[made] = f"{frame.f_code.co_filename}:{frame.f_lineno}: {message}"


@atexit.register
def _end() -> None:
    for message in _unused.values():
        print(message, file=sys.stderr)
    if _unused:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def given(aggregate: type[A], *events: Any) -> "Given[A]":
    """An entity's past."""
    return Given(aggregate, events)


class Given(Generic[A]):
    def __init__(self, aggregate: type[A], events: tuple) -> None:
        self._description = Description(aggregate)
        self._events = events
        self._context = Context(id="test", time_ms=946684800000, version=len(events))
        _must_be_used(self, "nothing is done with this given: where is the when?")

    def with_context(self, **changes: Any) -> "Given[A]":
        """What surrounds the command: id, command_id, time_ms, version, correlation_id, causation_id, metadata_json."""
        self._context = dataclasses.replace(self._context, **changes)
        return self

    def when(self, command: Any) -> "Outcome[A]":
        _unused.pop(self, None)
        return self.when_json(*self._description.write_command(command))

    def when_json(self, name: str, payload: str) -> "Outcome[A]":
        """The same with a command as a client sends it: its name and its payload in JSON."""
        _unused.pop(self, None)
        description = self._description
        entity = self._past()
        before = copy.deepcopy(vars(entity))
        try:
            texts = description.handle(entity, name, payload, self._context)
        except Failure as failure:
            texts, lines = [], [_told(failure)]
        else:
            lines = [f"{type_} {text}" for type_, text in texts]
        assert vars(entity) == before, f"handle changed the entity; only apply may: {before} became {vars(entity)}"
        for type_, text in texts:
            description.apply(entity, type_, text)
        return Outcome(description, entity, lines)

    def _past(self) -> A:
        description = self._description
        entity = description.create()
        for event in self._events:
            description.apply(entity, *description.write_event(event))
        if description.state is None:
            return entity
        restored = description.create()
        description.restore(restored, description.snapshot(entity))
        assert vars(restored) == vars(entity), f"restored from its snapshot, {vars(entity)} became {vars(restored)}"
        return restored


class Outcome(Generic[A]):
    def __init__(self, description: Description, state: A, lines: list[str]) -> None:
        self._description = description
        self._lines = lines
        self._state = state
        _must_be_used(self, "nothing is expected of this when: where is the then?")

    @property
    def state(self) -> A:
        """The entity after the new events."""
        _unused.pop(self, None)
        return self._state

    def then(self, *events: Any) -> "Outcome[A]":
        """Exactly these events, in this order; none: nothing happened."""
        _unused.pop(self, None)
        return self._expect([f"{type_} {text}" for type_, text in map(self._description.write_event, events)])

    def then_rejected(self, rejection: Rejection | type[Rejection]) -> "Outcome[A]":
        """Refused with exactly this; the class is enough for a rejection without fields."""
        _unused.pop(self, None)
        if isinstance(rejection, type):
            rejection = rejection()
        return self._expect([f"rejected: {rejection_text(rejection)[1]}"])

    def then_invalid(self, part: str = "") -> "Outcome[A]":
        """Not understood: an unknown command or a payload that is none, with `part` in what is said about it."""
        _unused.pop(self, None)
        assert self._lines[:1] and self._lines[0].startswith(_INVALID) and part in self._lines[0], (
            f"expected a command that cannot be read ({part})\nbut got {_listed(self._lines)}"
        )
        return self

    def _expect(self, lines: list[str]) -> "Outcome[A]":
        assert self._lines == lines, f"expected {_listed(lines)}\nbut got {_listed(self._lines)}"
        return self


_INVALID = "invalid: "


def _told(failure: Failure) -> str:
    match failure.case:
        case "command":
            return f"rejected: {failure.message}"
        case "deserialize-command":
            return f"{_INVALID}{failure.message}"
    return f"failed: {failure.subject}: {failure.message}"


def _listed(lines: list[str]) -> str:
    return "".join(f"\n    {line}" for line in lines) or "nothing"
