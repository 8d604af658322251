"""Dataclasses from JSON and to JSON, by their type hints."""

import dataclasses
import enum
import json
import keyword
import math
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union


@dataclasses.dataclass(frozen=True)
class Range:
    """The least and the most that a number may be: Annotated[int, Range(1, 6)]."""

    least: int
    most: int


UInt64 = Annotated[int, Range(0, 2**64 - 1)]
Int64 = Annotated[int, Range(-(2**63), 2**63 - 1)]


class FieldError(Exception):
    """A value that does not fit its field; the message names the field by its path."""


Reader = Callable[[Any, str], Any]
Writer = Callable[[Any, str], Any]


@dataclasses.dataclass(frozen=True)
class Field:
    read: Reader
    """From what json.loads gives."""
    write: Writer
    """To what json.dumps takes; says what does not fit."""
    optional: bool = False


def describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {json.dumps(value, ensure_ascii=False)}" if len(value) <= 40 else "a string"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


def wrong(path: str, wanted: str, value: Any) -> FieldError:
    where = f"field `{path}`" if path else "the payload"
    return FieldError(f"{where} must be {wanted}, but is {describe(value)}")


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _checked(wanted: str, accepts: Callable[[Any], bool]) -> Field:
    def check(value: Any, path: str) -> Any:
        if not accepts(value):
            raise wrong(path, wanted, value)
        return value

    return Field(check, check)


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_string = _checked("a string", _is_text)
_boolean = _checked("true or false", lambda value: isinstance(value, bool))
_whole = _checked("a whole number", _is_whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) or _is_whole(value)


_number_check = _checked("a number", _is_number)
_number = Field(lambda value, path: float(_number_check.read(value, path)), _number_check.write)
_any = Field(lambda value, path: value, lambda value, path: value)


def _ranged(limits: Range) -> Field:
    wanted = f"a whole number from {limits.least} to {limits.most}"
    return _checked(wanted, lambda value: _is_whole(value) and limits.least <= value <= limits.most)


def _time(kind: type) -> Field:
    def read(value: Any, path: str) -> Any:
        try:
            return kind.fromisoformat(value)
        except (TypeError, ValueError):
            example = "2026-01-31T12:00:00Z" if issubclass(kind, datetime) else "2026-01-31"
            raise wrong(path, f"a time as in {example}", value) from None

    def write(value: Any, path: str) -> str:
        if not isinstance(value, kind):
            raise wrong(path, f"a {kind.__name__}", value)
        return value.isoformat()

    return Field(read, write)


def _enumeration(kind: type[enum.Enum]) -> Field:
    wanted = "one of " + ", ".join(json.dumps(member.value) for member in kind)

    def read(value: Any, path: str) -> enum.Enum:
        try:
            return kind(value)
        except ValueError:
            raise wrong(path, wanted, value) from None

    return Field(read, lambda value, path: read(value, path).value)


def _choice(values: tuple) -> Field:
    return _checked("one of " + ", ".join(json.dumps(value) for value in values), lambda value: value in values)


def _array(item: Field, make: Callable) -> Field:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise wrong(path, "an array", value)
        return make(item.read(one, f"{path}[{index}]") for index, one in enumerate(value))

    def write(value: Any, path: str) -> list:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise wrong(path, "a list", value)
        ordered = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [item.write(one, f"{path}[{index}]") for index, one in enumerate(ordered)]

    return Field(read, write)


def _map(item: Field) -> Field:
    def checked(value: Any, path: str) -> dict:
        if not isinstance(value, dict) or not all(_is_text(key) for key in value):
            raise wrong(path, "an object with strings as keys", value)
        return value

    return Field(
        lambda value, path: {key: item.read(one, join(path, key)) for key, one in checked(value, path).items()},
        lambda value, path: {key: item.write(one, join(path, key)) for key, one in checked(value, path).items()},
    )


def _optional(inner: Field) -> Field:
    return Field(
        lambda value, path: None if value is None else inner.read(value, path),
        lambda value, path: None if value is None else inner.write(value, path),
        optional=True,
    )


_missing = object()


def _wire_name(name: str) -> str:
    """`from_` is `from` in JSON: one trailing underscore makes room for Python's own words."""
    return name[:-1] if name.endswith("_") and keyword.iskeyword(name[:-1]) else name


def struct(kind: type) -> Field:
    """The field of a dataclass: an object with its fields, in their order."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [
        (field, _wire_name(field.name), field_of(hints[field.name], f"{kind.__name__}.{field.name}"))
        for field in dataclasses.fields(kind)
    ]

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise wrong(path, "an object", value)
        given = {}
        for field, name, type_ in fields:
            one = value.get(name, _missing)
            if one is not _missing:
                given[field.name] = type_.read(one, join(path, name))
            elif field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
                continue
            elif type_.optional:
                given[field.name] = None
            else:
                raise FieldError(f"missing field `{join(path, name)}`")
        return kind(**given)

    def write(value: Any, path: str) -> dict:
        if not isinstance(value, kind):
            raise wrong(path, f"a {kind.__name__}", value)
        return {name: type_.write(getattr(value, field.name), join(path, name)) for field, name, type_ in fields}

    return Field(read, write)


_plain = {str: _string, bool: _boolean, int: _whole, float: _number, Any: _any, object: _any}


def field_of(hint: Any, where: str) -> Field:
    """The field of a type hint; a TypeError names `where` when there is none."""
    if hint in _plain:
        return _plain[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        limits = [extra for extra in arguments[1:] if isinstance(extra, Range)]
        return _ranged(limits[0]) if limits else field_of(arguments[0], where)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        return _optional(field_of(arguments[0] if arguments[1] is type(None) else arguments[1], where))
    if origin is Literal:
        return _choice(arguments)
    if origin in (list, set, frozenset) and len(arguments) == 1:
        return _array(field_of(arguments[0], where), origin)
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return _array(field_of(arguments[0], where), tuple)
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return _map(field_of(arguments[1], where))
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return struct(hint)
        if issubclass(hint, enum.Enum):
            return _enumeration(hint)
        if issubclass(hint, (datetime, date)):
            return _time(hint)
    raise TypeError(
        f"{where}: {hint} has no JSON; use str, bool, int, UInt64, float, datetime, an Enum, Literal, list[…], dict[str, …], "
        "a dataclass, or one of these | None"
    )


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
