"""What an aggregate is made of."""

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class Context:
    """What a handler may know about a command besides its content. Whatever of it matters later belongs into an event."""

    id: str = ""
    """The entity's."""
    command_id: str = ""
    """The client's command id, or ""."""
    time_ms: int = 0
    """When the runtime received the command, in milliseconds since the Unix epoch."""
    version: int = 0
    """How many events the entity has."""
    correlation_id: str = ""
    causation_id: str = ""
    metadata_json: str = ""

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.time_ms / 1000, timezone.utc)

    @property
    def metadata(self) -> dict[str, Any]:
        """The client's own metadata."""
        return json.loads(self.metadata_json) if self.metadata_json else {}


class Rejection(Exception):
    """Raised in `handle` to refuse the command.

    A dataclass derived from it reaches the client as {"type": "ItsName", …its fields…}; Rejection("closed") as
    {"type": "Rejected", "message": "closed"}.
    """


class Aggregate:
    """The base of an aggregate's class; a module has one.

    `Command` and `Event` are unions of dataclasses. `handle` decides: it looks at the state, changes nothing, and returns
    an event, a list of events, or None. `apply` follows: it changes the state and decides nothing; it also runs for
    every stored event.
    """

    Command: Any
    Event: Any
    snapshot_format: str | None = None
    """Lets the runtime skip the replay of long streams: the fields are the snapshot, so the class must be a dataclass. A
    name for their shape, another one whenever they change; "" binds snapshots to the very build."""

    def handle(self, command: Any, context: Context) -> Any:
        raise NotImplementedError

    def apply(self, event: Any) -> None:
        raise NotImplementedError
