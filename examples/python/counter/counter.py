"""A counter that can be incremented, decremented down to zero, and reset."""

from dataclasses import dataclass

from thalo import Aggregate, Rejection, UInt64

MOST = 2**64 - 1


# Commands: what somebody asks for.


@dataclass(frozen=True)
class Increment:
    amount: UInt64


@dataclass(frozen=True)
class Decrement:
    amount: UInt64


@dataclass(frozen=True)
class Reset:
    pass


# Events: what has happened. These are stored, for good.


@dataclass(frozen=True)
class Incremented:
    amount: UInt64


@dataclass(frozen=True)
class Decremented:
    amount: UInt64


@dataclass(frozen=True)
class WasReset:
    from_: UInt64  # `from` in JSON; Python has that word for itself


# Errors: why the counter refuses.


@dataclass
class BelowZero(Rejection):
    count: UInt64
    amount: UInt64


@dataclass
class Overflow(Rejection):
    count: UInt64
    amount: UInt64


@dataclass
class Counter(Aggregate):
    Command = Increment | Decrement | Reset
    Event = Incremented | Decremented | WasReset

    count: int = 0

    def handle(self, command: Command) -> Event | None:
        match command:
            case Increment(amount):
                if amount > MOST - self.count:
                    raise Overflow(self.count, amount)
                return Incremented(amount)
            case Decrement(amount):
                if amount > self.count:
                    raise BelowZero(self.count, amount)
                return Decremented(amount)
            case Reset():
                # A counter that stands at zero has nothing to reset: no event.
                return WasReset(self.count) if self.count else None

    def apply(self, event: Event) -> None:
        match event:
            case Incremented(amount):
                self.count += amount
            case Decremented(amount):
                self.count -= amount
            case WasReset():
                self.count = 0
