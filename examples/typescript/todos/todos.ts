// A to-do list: items by their ids, each open or done.
import { boolean, map, reject, string, type Aggregate, type OneOf } from "@thalo/aggregate";

// The ids are the client's: it can name an item before anyone has answered.
const commands = {
  AddTodo: { id: string, title: string },
  RenameTodo: { id: string, title: string },
  CompleteTodo: { id: string },
  ReopenTodo: { id: string },
  RemoveTodo: { id: string },
  ClearCompleted: {},
};

const events = {
  TodoAdded: { id: string, title: string },
  TodoRenamed: { id: string, title: string },
  TodoCompleted: { id: string },
  TodoReopened: { id: string },
  TodoRemoved: { id: string },
};

type Command = OneOf<typeof commands>;
type Event = OneOf<typeof events>;

interface Todo {
  title: string;
  done: boolean;
}

// A list is one entity and lives in memory as a whole.
const most = 1000;

export default class Todos implements Aggregate<Command, Event> {
  static commands = commands;
  static events = events;
  static snapshotFormat = "todos-1";
  static state = { items: map({ title: string, done: boolean }) };

  items = new Map<string, Todo>();

  handle(command: Command): Event[] {
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
          .filter((id) => this.items.get(id)!.done)
          .sort()
          .map((id) => ({ type: "TodoRemoved", id }));
    }
  }

  apply(event: Event): void {
    switch (event.type) {
      case "TodoAdded":
        this.items.set(event.id, { title: event.title, done: false });
        break;
      case "TodoRenamed":
        this.items.get(event.id)!.title = event.title;
        break;
      case "TodoCompleted":
        this.items.get(event.id)!.done = true;
        break;
      case "TodoReopened":
        this.items.get(event.id)!.done = false;
        break;
      case "TodoRemoved":
        this.items.delete(event.id);
        break;
    }
  }

  private find(id: string): Todo {
    return this.items.get(id) ?? reject({ type: "TodoNotFound", id });
  }
}
