// The list's rules, natively: no runtime, no WebAssembly.
package main

import (
	"strconv"
	"testing"

	"thalo"
	"thalo/thalotest"
)

func TestAddsAnItemOnce(t *testing.T) {
	thalotest.Given[Todos](t).When(AddTodo{"milk", "Buy milk"}).Then(TodoAdded{"milk", "Buy milk"})
	thalotest.Given[Todos](t, TodoAdded{"milk", "x"}).When(AddTodo{"milk", "Again"}).ThenRejected(TodoAlreadyExists{"milk"})
	thalotest.Given[Todos](t, TodoAdded{"milk", "x"}, TodoRemoved{"milk"}).When(AddTodo{"milk", "y"}).Then(TodoAdded{"milk", "y"})
}

func TestAnItemHasATitle(t *testing.T) {
	thalotest.Given[Todos](t).When(AddTodo{"milk", ""}).ThenRejected(EmptyTitle{})
	one := thalotest.Given[Todos](t, TodoAdded{"milk", "x"})
	one.When(RenameTodo{"milk", ""}).ThenRejected(EmptyTitle{})
	one.When(RenameTodo{"milk", "y"}).Then(TodoRenamed{"milk", "y"})
	one.When(RenameTodo{"milk", "x"}).Then()
}

func TestEveryCommandNamesAnItemThatIsNotThere(t *testing.T) {
	none := thalotest.Given[Todos](t)
	for _, command := range []thalo.Command{RenameTodo{"milk", "y"}, CompleteTodo{"milk"}, ReopenTodo{"milk"}, RemoveTodo{"milk"}} {
		none.When(command).ThenRejected(TodoNotFound{"milk"})
	}
}

func TestCompletingTwiceIsNothingToDo(t *testing.T) {
	open := thalotest.Given[Todos](t, TodoAdded{"milk", "x"})
	done := thalotest.Given[Todos](t, TodoAdded{"milk", "x"}, TodoCompleted{"milk"})
	open.When(CompleteTodo{"milk"}).Then(TodoCompleted{"milk"})
	open.When(ReopenTodo{"milk"}).Then()
	done.When(CompleteTodo{"milk"}).Then()
	done.When(ReopenTodo{"milk"}).Then(TodoReopened{"milk"})
}

func TestClearsEverythingThatIsDoneAtOnce(t *testing.T) {
	past := thalotest.Given[Todos](t, TodoAdded{"c", "z"}, TodoAdded{"b", "y"}, TodoAdded{"a", "x"}, TodoCompleted{"a"}, TodoCompleted{"c"})
	state := past.When(ClearCompleted{}).Then(TodoRemoved{"a"}, TodoRemoved{"c"}).State()
	if len(state.Items) != 1 {
		t.Errorf("the list is %+v", state)
	}
	thalotest.Given[Todos](t, TodoAdded{"b", "y"}).When(ClearCompleted{}).Then()
}

func TestHoldsAThousandItems(t *testing.T) {
	var events []thalo.Event
	for number := range most {
		events = append(events, TodoAdded{strconv.Itoa(number), "x"})
	}
	thalotest.Given[Todos](t, events...).When(AddTodo{"new", "x"}).ThenRejected(TooManyTodos{1000})
}
