// A to-do list: items by their ids, each open or done.
package main

import (
	"maps"
	"slices"

	"thalo"
)

// Commands. The ids are the client's: it can name an item before anyone has answered.
type (
	AddTodo struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	RenameTodo struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	CompleteTodo struct {
		ID string `json:"id"`
	}
	ReopenTodo struct {
		ID string `json:"id"`
	}
	RemoveTodo struct {
		ID string `json:"id"`
	}
	ClearCompleted struct{}
)

// Events.
type (
	TodoAdded struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	TodoRenamed struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	TodoCompleted struct {
		ID string `json:"id"`
	}
	TodoReopened struct {
		ID string `json:"id"`
	}
	TodoRemoved struct {
		ID string `json:"id"`
	}
)

// Errors.
type (
	TodoAlreadyExists struct {
		ID string `json:"id"`
	}
	TodoNotFound struct {
		ID string `json:"id"`
	}
	EmptyTitle   struct{}
	TooManyTodos struct {
		Most int `json:"most"`
	}
)

// A list is one entity and lives in memory as a whole.
const most = 1000

type Todo struct {
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

type Todos struct {
	Items map[string]Todo `json:"items"`
}

func (l *Todos) Kinds() thalo.Kinds {
	return thalo.Kinds{
		Commands:  thalo.Types{AddTodo{}, RenameTodo{}, CompleteTodo{}, ReopenTodo{}, RemoveTodo{}, ClearCompleted{}},
		Events:    thalo.Types{TodoAdded{}, TodoRenamed{}, TodoCompleted{}, TodoReopened{}, TodoRemoved{}},
		Snapshots: "todos-1",
	}
}

func (l *Todos) Handle(command thalo.Command, _ thalo.Context) ([]thalo.Event, error) {
	switch command := command.(type) {
	case AddTodo:
		return l.add(command)
	case RenameTodo:
		return l.rename(command)
	case CompleteTodo:
		return l.mark(command.ID, true, TodoCompleted{command.ID})
	case ReopenTodo:
		return l.mark(command.ID, false, TodoReopened{command.ID})
	case RemoveTodo:
		if _, ok := l.Items[command.ID]; !ok {
			return thalo.Reject(TodoNotFound{command.ID})
		}
		return thalo.Emit(TodoRemoved{command.ID})
	case ClearCompleted:
		return l.clearCompleted()
	}
	return thalo.Nothing()
}

func (l *Todos) add(command AddTodo) ([]thalo.Event, error) {
	if _, ok := l.Items[command.ID]; ok {
		return thalo.Reject(TodoAlreadyExists{command.ID})
	}
	if command.Title == "" {
		return thalo.Reject(EmptyTitle{})
	}
	if len(l.Items) >= most {
		return thalo.Reject(TooManyTodos{most})
	}
	return thalo.Emit(TodoAdded{command.ID, command.Title})
}

func (l *Todos) rename(command RenameTodo) ([]thalo.Event, error) {
	todo, ok := l.Items[command.ID]
	if !ok {
		return thalo.Reject(TodoNotFound{command.ID})
	}
	if command.Title == "" {
		return thalo.Reject(EmptyTitle{})
	}
	if todo.Title == command.Title {
		return thalo.Nothing()
	}
	return thalo.Emit(TodoRenamed{command.ID, command.Title})
}

// What is done already is nothing to do: no event, no error.
func (l *Todos) mark(id string, done bool, event thalo.Event) ([]thalo.Event, error) {
	todo, ok := l.Items[id]
	if !ok {
		return thalo.Reject(TodoNotFound{id})
	}
	if todo.Done == done {
		return thalo.Nothing()
	}
	return thalo.Emit(event)
}

// One command, as many events as there are done items: stored all or none. Sorted, since Go's maps have an order of
// their own each time.
func (l *Todos) clearCompleted() ([]thalo.Event, error) {
	var events []thalo.Event
	for _, id := range slices.Sorted(maps.Keys(l.Items)) {
		if l.Items[id].Done {
			events = append(events, TodoRemoved{id})
		}
	}
	return thalo.Emit(events...)
}

func (l *Todos) Apply(event thalo.Event) {
	switch event := event.(type) {
	case TodoAdded:
		if l.Items == nil {
			l.Items = map[string]Todo{}
		}
		l.Items[event.ID] = Todo{Title: event.Title}
	case TodoRenamed:
		l.Items[event.ID] = Todo{event.Title, l.Items[event.ID].Done}
	case TodoCompleted:
		l.Items[event.ID] = Todo{l.Items[event.ID].Title, true}
	case TodoReopened:
		l.Items[event.ID] = Todo{l.Items[event.ID].Title, false}
	case TodoRemoved:
		delete(l.Items, event.ID)
	}
}

func init() { thalo.Export[Todos]() }

func main() {}
