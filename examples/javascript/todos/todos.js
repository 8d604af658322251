// A to-do list: items by their ids, each open or done.
import { boolean, map, reject, string } from "@thalo/aggregate";

// A list is one entity and lives in memory as a whole.
const most = 1000;

export default class Todos {
  // The ids are the client's: it can name an item before anyone has answered.
  static commands = {
    AddTodo: { id: string, title: string },
    RenameTodo: { id: string, title: string },
    CompleteTodo: { id: string },
    ReopenTodo: { id: string },
    RemoveTodo: { id: string },
    ClearCompleted: {},
  };

  static events = {
    TodoAdded: { id: string, title: string },
    TodoRenamed: { id: string, title: string },
    TodoCompleted: { id: string },
    TodoReopened: { id: string },
    TodoRemoved: { id: string },
  };

  static snapshotFormat = "todos-1";
  static state = { items: map({ title: string, done: boolean }) };

  items = new Map();

  handle(command) {
    switch (command.type) {
      case "AddTodo": {
        const { id, title } = command;
        if (this.items.has(id)) reject({ type: "TodoAlreadyExists", id });
        if (title === "") reject({ type: "EmptyTitle" });
        if (this.items.size >= most) reject({ type: "TooManyTodos", most });
        return [{ type: "TodoAdded", id, title }];
      }
      case "RenameTodo": {
        const { id, title } = command;
        const todo = this.find(id);
        if (title === "") reject({ type: "EmptyTitle" });
        return todo.title === title ? [] : [{ type: "TodoRenamed", id, title }];
      }
      // What is done already is nothing to do: no event, no error.
      case "CompleteTodo":
        return this.find(command.id).done ? [] : [{ type: "TodoCompleted", id: command.id }];
      case "ReopenTodo":
        return this.find(command.id).done ? [{ type: "TodoReopened", id: command.id }] : [];
      case "RemoveTodo":
        this.find(command.id);
        return [{ type: "TodoRemoved", id: command.id }];
      // One command, as many events as there are done items: stored all or none.
      case "ClearCompleted":
        return [...this.items.keys()]
          .filter((id) => this.items.get(id).done)
          .sort()
          .map((id) => ({ type: "TodoRemoved", id }));
    }
  }

  apply(event) {
    switch (event.type) {
      case "TodoAdded":
        this.items.set(event.id, { title: event.title, done: false });
        break;
      case "TodoRenamed":
        this.items.get(event.id).title = event.title;
        break;
      case "TodoCompleted":
        this.items.get(event.id).done = true;
        break;
      case "TodoReopened":
        this.items.get(event.id).done = false;
        break;
      case "TodoRemoved":
        this.items.delete(event.id);
        break;
    }
  }

  find(id) {
    return this.items.get(id) ?? reject({ type: "TodoNotFound", id });
  }
}
