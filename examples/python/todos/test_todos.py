"""The list's rules, natively: no runtime, no WebAssembly."""

from thalo.testing import given
from todos import (
    MOST,
    AddTodo,
    ClearCompleted,
    CompleteTodo,
    EmptyTitle,
    RemoveTodo,
    RenameTodo,
    ReopenTodo,
    TodoAdded,
    TodoAlreadyExists,
    TodoCompleted,
    TodoNotFound,
    TodoRemoved,
    TodoRenamed,
    TodoReopened,
    Todos,
    TooManyTodos,
)


def test_adds_an_item_once():
    given(Todos).when(AddTodo("milk", "Buy milk")).then(TodoAdded("milk", "Buy milk"))
    given(Todos, TodoAdded("milk", "x")).when(AddTodo("milk", "Again")).then_rejected(TodoAlreadyExists("milk"))
    given(Todos, TodoAdded("milk", "x"), TodoRemoved("milk")).when(AddTodo("milk", "y")).then(TodoAdded("milk", "y"))


def test_an_item_has_a_title():
    given(Todos).when(AddTodo("milk", "")).then_rejected(EmptyTitle())
    one = given(Todos, TodoAdded("milk", "x"))
    one.when(RenameTodo("milk", "")).then_rejected(EmptyTitle())
    one.when(RenameTodo("milk", "y")).then(TodoRenamed("milk", "y"))
    one.when(RenameTodo("milk", "x")).then()


def test_every_command_names_an_item_that_is_not_there():
    for command in (RenameTodo("milk", "y"), CompleteTodo("milk"), ReopenTodo("milk"), RemoveTodo("milk")):
        given(Todos).when(command).then_rejected(TodoNotFound("milk"))


def test_completing_twice_is_nothing_to_do():
    open_ = given(Todos, TodoAdded("milk", "x"))
    done = given(Todos, TodoAdded("milk", "x"), TodoCompleted("milk"))
    open_.when(CompleteTodo("milk")).then(TodoCompleted("milk"))
    open_.when(ReopenTodo("milk")).then()
    done.when(CompleteTodo("milk")).then()
    done.when(ReopenTodo("milk")).then(TodoReopened("milk"))


def test_clears_everything_that_is_done_at_once_in_the_order_of_the_ids():
    past = given(Todos, TodoAdded("c", "z"), TodoAdded("b", "y"), TodoAdded("a", "x"), TodoCompleted("a"), TodoCompleted("c"))
    state = past.when(ClearCompleted()).then(TodoRemoved("a"), TodoRemoved("c")).state
    assert list(state.items) == ["b"]
    given(Todos, TodoAdded("b", "y")).when(ClearCompleted()).then()


def test_holds_a_thousand_items():
    full = [TodoAdded(str(number), "x") for number in range(MOST)]
    given(Todos, *full).when(AddTodo("new", "x")).then_rejected(TooManyTodos(MOST))
