"""The SDK without WebAssembly: fields, dispatch, and the test kit, which must find what is wrong."""

import enum
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from thalo import Aggregate, Context, Int64, Range, Rejection, UInt64, log
from thalo.dispatch import Description, Failure
from thalo.fields import FieldError, dumps, field_of
from thalo.testing import given
from thalo.trace import MOST_FRAMES, format_error, message_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    cents: UInt64
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Order:
    lines: list[Line]
    from_: str | None
    colour: Colour = Colour.RED
    at: datetime | None = None


def read(hint, text):
    return field_of(hint, "here").read(json.loads(text), "")


def written(hint, value):
    return dumps(field_of(hint, "here").write(value, ""))


def refused(hint, text, message):
    with pytest.raises(FieldError) as error:
        read(hint, text)
    assert str(error.value) == message


def test_whole_numbers_are_exact_at_the_edges():
    for text in ("0", "9007199254740991", "9007199254740993", "18446744073709551615"):
        assert written(UInt64, read(UInt64, text)) == text
    assert read(Int64, "-9223372036854775808") == -(2**63)
    assert read(Annotated[int, Range(1, 6)], "6") == 6
    wanted = "the payload must be a whole number from 0 to 18446744073709551615, but is "
    refused(UInt64, "18446744073709551616", wanted + "the number 18446744073709551616")
    refused(UInt64, "-1", wanted + "the number -1")
    refused(UInt64, "1.5", wanted + "the number 1.5")
    refused(UInt64, "true", wanted + "true")
    refused(UInt64, '"1"', wanted + 'the string "1"')


def test_a_field_that_is_missing_or_mistyped_is_named_by_its_path():
    refused(Order, '{"lines":[{"cents":1},{}]}', "missing field `lines[1].cents`")
    refused(Order, '{"lines":[{"cents":1,"tags":{"a":5}}]}', "field `lines[0].tags.a` must be a string, but is the number 5")
    refused(Order, '{"lines":[],"colour":"green"}', 'field `colour` must be one of "red", "blue", but is the string "green"')
    refused(Order, '{"lines":[],"at":"tomorrow"}', 'field `at` must be a time as in 2026-01-31T12:00:00Z, but is the string "tomorrow"')
    refused(Order, "[]", "the payload must be an object, but is an array")
    refused(Literal["a", "b"], '"c"', 'the payload must be one of "a", "b", but is the string "c"')
    refused(str, '"\\ud83d"', "the payload must be a string, but is " + 'the string "\ud83d"')


def test_everything_comes_back_as_it_was():
    order = Order([Line(5, {"ünï": "😀\0"})], "here", Colour.BLUE, datetime(2026, 1, 31, 12, tzinfo=timezone.utc))
    text = written(Order, order)
    assert text == '{"lines":[{"cents":5,"tags":{"ünï":"😀\\u0000"}}],"from":"here","colour":"blue","at":"2026-01-31T12:00:00+00:00"}'
    assert read(Order, text) == order
    assert read(Order, '{"lines":[],"unknown":1}') == Order([], None)
    assert written(set[str], {"b", "a", "c"}) == '["a","b","c"]'
    with pytest.raises(FieldError):
        written(float, float("nan"))
    with pytest.raises(TypeError, match="here: .* has no JSON"):
        field_of(bytes, "here")


@dataclass(frozen=True)
class Do:
    how: str


@dataclass(frozen=True)
class Set:
    value: UInt64


@dataclass(frozen=True)
class Done:
    how: Any


@dataclass(frozen=True)
class WasSet:
    value: UInt64


@dataclass(frozen=True)
class Unheard:
    pass


@dataclass
class No(Rejection):
    value: UInt64


@dataclass
class Thing(Aggregate):
    Command = Do | Set
    Event = Done | WasSet
    snapshot_format = "thing-1"

    value: UInt64 = 0

    def handle(self, command, context):
        if isinstance(command, Set):
            return WasSet(command.value)
        match command.how:
            case "reject":
                raise No(self.value)
            case "text":
                raise Rejection("closed")
            case "bug":
                return {}["missing"]
            case "unheard":
                return Unheard()
            case "bytes":
                return [Done(b"")]
            case "change":
                self.value += 1
            case "deep":
                return self.handle(command, context)
            case "context":
                return Done([context.id, context.metadata, context.time.isoformat()])

    def apply(self, event):
        match event:
            case WasSet(value):
                self.value = value
            case Done("cannot"):
                raise ValueError("cannot")


def failing(how):
    description = Description(Thing)
    with pytest.raises(Failure) as failure:
        description.handle(description.create(), "Do", dumps({"how": how}), Context())
    return failure.value.case, failure.value.subject, failure.value.message


@pytest.fixture
def lines():
    lines = []
    log.log_to(lambda level, line: lines.append(f"{level}: {line}"))
    return lines


def test_a_rejection_refuses_and_whatever_else_is_raised_is_a_mistake_logged_with_its_place(lines):
    assert failing("reject") == ("command", "No", '{"type":"No","value":0}')
    assert failing("text") == ("command", "Rejected", '{"type":"Rejected","message":"closed"}')
    assert lines == []
    mistake = "it is no Rejection but a mistake in the code, its traceback is in the log; handle raised it: "
    assert failing("bug") == ("serialize-error", "KeyError", mistake + "'missing'")
    assert lines[0].startswith("error: handle of Do raised\n") and "test_sdk.py" in lines[0]
    assert failing("deep")[:2] == ("serialize-error", "RecursionError")


def test_what_init_raises_is_answered_to_every_call_and_logged_with_its_place(lines):
    @dataclass
    class Unborn(Thing):
        def __post_init__(self):
            {}["missing"]

    description = Description(Unborn)
    entity = description.create_or_broken()
    assert len(lines) == 1 and lines[0].startswith("error: __init__ of Unborn raised\n") and "test_sdk.py" in lines[0]
    for call, case in ((lambda: description.handle(entity, "Set", '{"value":1}', Context()), "serialize-error"), (lambda: description.apply(entity, "WasSet", '{"value":1}'), "deserialize-event")):
        with pytest.raises(Failure, match="__init__ raised KeyError: 'missing'") as failure:
            call()
        assert failure.value.case == case
    for call in (lambda: description.snapshot(entity), lambda: description.restore(entity, "{}")):
        with pytest.raises(ValueError, match="__init__ raised KeyError"):
            call()


def test_events_that_cannot_be_stored_are_the_aggregates_failure():
    assert failing("unheard") == ("serialize-event", "Unheard", "Unheard is no event of the aggregate; known are Done, WasSet")
    assert failing("bytes")[0] == "serialize-event"


def test_unknown_and_unreadable_names_and_payloads(lines):
    description = Description(Thing)
    entity = description.create()
    for name, payload in (("Nope", "{}"), ("Set", '{"value":"1"}'), ("Set", "{"), ("Set", "[" * 100000)):
        with pytest.raises(Failure) as failure:
            description.handle(entity, name, payload, Context())
        assert failure.value.case == "deserialize-command"
    for name, payload in (("Nope", "{}"), ("WasSet", "{}"), ("Done", '{"how":"cannot"}')):
        with pytest.raises(Failure) as failure:
            description.apply(entity, name, payload)
        assert failure.value.case == "deserialize-event" and failure.value.subject == name


def test_the_kit_passes_what_is_right_and_finds_what_is_wrong():
    given(Thing, WasSet(1)).when(Set(2**64 - 1)).then(WasSet(2**64 - 1))
    given(Thing, WasSet(3)).when(Do("reject")).then_rejected(No(3))
    assert given(Thing).when(Do("context")).then(Done(["test", {}, "2000-01-01T00:00:00+00:00"])).state.value == 0
    with pytest.raises(AssertionError, match="expected"):
        given(Thing).when(Set(5)).then(WasSet(6))
    with pytest.raises(AssertionError, match="but got"):
        given(Thing).when(Set(5)).then()
    with pytest.raises(AssertionError, match="handle changed the entity"):
        given(Thing).when(Do("change"))
    given(Thing).when_json("Set", '{"value":"x"}').then_invalid("`value`")
    given(Thing).when_json("Nope", "{}").then_invalid("unknown command")
    given(Thing).when_json("Set", '{"value":7}').then(WasSet(7))
    with pytest.raises(AssertionError, match="expected a command that cannot be read"):
        given(Thing).when(Set(5)).then_invalid()
    with pytest.raises(AssertionError, match="expected a command that cannot be read \\(`other`\\)"):
        given(Thing).when_json("Set", "{}").then_invalid("`other`")


def test_a_mistake_in_handle_is_no_refusal_to_the_kit(lines):
    with pytest.raises(AssertionError, match="failed: KeyError: it is no Rejection but a mistake in the code"):
        given(Thing).when(Do("bug")).then_rejected(Rejection("'missing'"))


def test_a_refusal_without_fields_may_be_given_as_its_class():
    @dataclass
    class NoPlate(Rejection):
        pass

    class Refusing(Aggregate):
        Command = Do
        Event = Done

        def handle(self, command):
            raise NoPlate()

    given(Refusing).when(Do("x")).then_rejected(NoPlate)
    with pytest.raises(AssertionError, match="but got"):
        given(Refusing).when(Do("x")).then_rejected(Rejection)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("given(Thing).when(Set()).then()", None),
        ("given(Thing).when(Set()).state", None),
        ("given(Thing)", "test_thing.py:21: nothing is done with this given"),
        ("given(Thing).when(Set())", "test_thing.py:21: nothing is expected of this when"),
        ("given(Thing).when(Set()).then(); given(Thing).when_json('Set', '{}')", "test_thing.py:21: nothing is expected of this when"),
    ],
)
def test_what_nothing_is_expected_of_fails_the_run(line, told, tmp_path):
    (tmp_path / "test_thing.py").write_text(f"""
from dataclasses import dataclass
from thalo import Aggregate
from thalo.testing import given

@dataclass
class Set: pass

@dataclass
class WasSet: pass

@dataclass
class Thing(Aggregate):
    Command = Set
    Event = WasSet

    def handle(self, command: Command) -> None: pass
    def apply(self, event: Event) -> None: pass

def test():
    {line}
""")
    sdk = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path], env={**os.environ, "PYTHONPATH": sdk}, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout
    assert done.returncode == (1 if told else 0) and (told or "") in done.stderr, done


def test_a_class_that_is_no_aggregate_is_told_what_it_lacks():
    class Silent(Aggregate):
        pass

    class Plain(Aggregate):
        Command = Do
        Event = Done
        snapshot_format = "x"

    class Bare:
        pass

    class Mixed(Aggregate):
        Command = Do | Bare
        Event = Done

    with pytest.raises(TypeError, match="Mixed.Command: Bare is no dataclass; put @dataclass before it"):
        Description(Mixed)
    with pytest.raises(TypeError, match="Silent does not say its Command"):
        Description(Silent)
    with pytest.raises(TypeError, match="put @dataclass before it"):
        Description(Plain)


def caught(raise_it):
    try:
        raise_it()
    except Exception as error:
        return error
    raise AssertionError("nothing raised")


def test_a_traceback_names_the_calls_and_the_causes_and_is_bounded():
    def with_cause():
        try:
            {}["spoke"]
        except KeyError as error:
            raise ValueError("no spoke") from error

    lines = format_error(caught(with_cause)).split("\n")
    assert [line for line in lines if "Error" in line] == ["KeyError: 'spoke'", "ValueError: no spoke"]
    assert lines[-2].startswith("  test_sdk.py:") and lines[-2].endswith(" in with_cause")

    def deeper():
        return deeper() + 1

    lines = format_error(caught(deeper)).split("\n")
    assert len(lines) == MOST_FRAMES + 3 and any("more calls" in line for line in lines)
    assert lines[-1].startswith("RecursionError: ")


def test_an_error_that_cannot_say_what_it_is_is_still_formatted():
    class Silent(Exception):
        def __str__(self):
            return self.missing

    assert message_of(Silent()) == "<its __str__ raised AttributeError>"
    assert "Silent" in format_error(Silent())
