"""A to-do list: items by their ids, each open or done."""

from dataclasses import dataclass, field

from thalo import Aggregate, Rejection

# A list is one entity and lives in memory as a whole.
MOST = 1000


# Commands. The ids are the client's: it can name an item before anyone has answered.


@dataclass(frozen=True)
class AddTodo:
    id: str
    title: str


@dataclass(frozen=True)
class RenameTodo:
    id: str
    title: str


@dataclass(frozen=True)
class CompleteTodo:
    id: str


@dataclass(frozen=True)
class ReopenTodo:
    id: str


@dataclass(frozen=True)
class RemoveTodo:
    id: str


@dataclass(frozen=True)
class ClearCompleted:
    pass


# Events.


@dataclass(frozen=True)
class TodoAdded:
    id: str
    title: str


@dataclass(frozen=True)
class TodoRenamed:
    id: str
    title: str


@dataclass(frozen=True)
class TodoCompleted:
    id: str


@dataclass(frozen=True)
class TodoReopened:
    id: str


@dataclass(frozen=True)
class TodoRemoved:
    id: str


# Errors.


@dataclass
class TodoAlreadyExists(Rejection):
    id: str


@dataclass
class TodoNotFound(Rejection):
    id: str


@dataclass
class EmptyTitle(Rejection):
    pass


@dataclass
class TooManyTodos(Rejection):
    most: int


@dataclass
class Todo:
    title: str
    done: bool = False


@dataclass
class Todos(Aggregate):
    Command = AddTodo | RenameTodo | CompleteTodo | ReopenTodo | RemoveTodo | ClearCompleted
    Event = TodoAdded | TodoRenamed | TodoCompleted | TodoReopened | TodoRemoved
    snapshot_format = "todos-1"

    items: dict[str, Todo] = field(default_factory=dict)

    def handle(self, command: Command) -> list[Event]:
        match command:
            case AddTodo(id, title):
                return self._add(id, title)
            case RenameTodo(id, title):
                todo = self._find(id)
                if not title:
                    raise EmptyTitle
                return [] if todo.title == title else [TodoRenamed(id, title)]
            # What is done already is nothing to do: no event, no error.
            case CompleteTodo(id):
                return [] if self._find(id).done else [TodoCompleted(id)]
            case ReopenTodo(id):
                return [TodoReopened(id)] if self._find(id).done else []
            case RemoveTodo(id):
                self._find(id)
                return [TodoRemoved(id)]
            # One command, as many events as there are done items: stored all or none.
            case ClearCompleted():
                return [TodoRemoved(id) for id in sorted(self.items) if self.items[id].done]

    def _add(self, id: str, title: str) -> list[Event]:
        if id in self.items:
            raise TodoAlreadyExists(id)
        if not title:
            raise EmptyTitle
        if len(self.items) >= MOST:
            raise TooManyTodos(MOST)
        return [TodoAdded(id, title)]

    def _find(self, id: str) -> Todo:
        if id not in self.items:
            raise TodoNotFound(id)
        return self.items[id]

    def apply(self, event: Event) -> None:
        match event:
            case TodoAdded(id, title):
                self.items[id] = Todo(title)
            case TodoRenamed(id, title):
                self.items[id].title = title
            case TodoCompleted(id):
                self.items[id].done = True
            case TodoReopened(id):
                self.items[id].done = False
            case TodoRemoved(id):
                del self.items[id]
