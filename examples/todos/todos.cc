// A to-do list: items by their ids, each open or done.
#include <thalo/aggregate.h>

// Commands. The ids are the client's: it can name an item before anyone has answered.
struct AddTodo {
  std::string id;
  std::string title;
};
struct RenameTodo {
  std::string id;
  std::string title;
};
struct CompleteTodo {
  std::string id;
};
struct ReopenTodo {
  std::string id;
};
struct RemoveTodo {
  std::string id;
};
struct ClearCompleted {};

// Events.
struct TodoAdded {
  std::string id;
  std::string title;
};
struct TodoRenamed {
  std::string id;
  std::string title;
};
struct TodoCompleted {
  std::string id;
};
struct TodoReopened {
  std::string id;
};
struct TodoRemoved {
  std::string id;
};

// Errors.
struct TodoAlreadyExists {
  std::string id;
};
struct TodoNotFound {
  std::string id;
};
struct EmptyTitle {};
struct TooManyTodos {
  std::uint64_t most;
};

struct Todo {
  std::string title;
  bool done;
};

struct Todos {
  using Command = std::variant<AddTodo, RenameTodo, CompleteTodo, ReopenTodo, RemoveTodo, ClearCompleted>;
  using Event = std::variant<TodoAdded, TodoRenamed, TodoCompleted, TodoReopened, TodoRemoved>;
  using Events = std::vector<Event>;

  static constexpr std::string_view snapshot_format = "todos-1";
  // A list is one entity and lives in memory as a whole.
  static constexpr std::uint64_t items_max = 1000;

  std::map<std::string, Todo> items;

  auto handle(const AddTodo& command) const -> thalo::Result<Event> {
    if (items.contains(command.id)) return thalo::reject(TodoAlreadyExists{command.id});
    if (command.title.empty()) return thalo::reject(EmptyTitle{});
    if (items.size() >= items_max) return thalo::reject(TooManyTodos{items_max});
    return TodoAdded{command.id, command.title};
  }

  auto handle(const RenameTodo& command) const -> thalo::Result<Events> {
    const auto item = items.find(command.id);
    if (item == items.end()) return thalo::reject(TodoNotFound{command.id});
    if (command.title.empty()) return thalo::reject(EmptyTitle{});
    if (item->second.title == command.title) return Events{};
    return Events{TodoRenamed{command.id, command.title}};
  }

  // What is done already is nothing to do: no event, no error.
  auto handle(const CompleteTodo& command) const -> thalo::Result<Events> {
    const auto item = items.find(command.id);
    if (item == items.end()) return thalo::reject(TodoNotFound{command.id});
    if (item->second.done) return Events{};
    return Events{TodoCompleted{command.id}};
  }

  auto handle(const ReopenTodo& command) const -> thalo::Result<Events> {
    const auto item = items.find(command.id);
    if (item == items.end()) return thalo::reject(TodoNotFound{command.id});
    if (!item->second.done) return Events{};
    return Events{TodoReopened{command.id}};
  }

  auto handle(const RemoveTodo& command) const -> thalo::Result<Event> {
    if (!items.contains(command.id)) return thalo::reject(TodoNotFound{command.id});
    return TodoRemoved{command.id};
  }

  // One command, as many events as there are done items: stored all or none.
  auto handle(const ClearCompleted&) const -> thalo::Result<Events> {
    Events events;
    for (const auto& [id, item] : items) {
      if (item.done) events.emplace_back(TodoRemoved{id});
    }
    return events;
  }

  void apply(const TodoAdded& event) { items[event.id] = {event.title, false}; }
  void apply(const TodoRenamed& event) { items[event.id].title = event.title; }
  void apply(const TodoCompleted& event) { items[event.id].done = true; }
  void apply(const TodoReopened& event) { items[event.id].done = false; }
  void apply(const TodoRemoved& event) { items.erase(event.id); }
};

THALO_EXPORT(Todos)
