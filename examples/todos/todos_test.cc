// The list's rules, natively: no runtime, no WebAssembly.
#include "todos.cc"

#include <gtest/gtest.h>
#include <thalo/testing.h>

using thalo::testing::given;

TEST(Todos, AddsAnItemOnce) {
  given<Todos>({}).when(AddTodo{"milk", "Buy milk"}).then(TodoAdded{"milk", "Buy milk"});
  given<Todos>({TodoAdded{"milk", "Buy milk"}}).when(AddTodo{"milk", "Again"}).then_rejected(TodoAlreadyExists{"milk"});
  given<Todos>({TodoAdded{"milk", "x"}, TodoRemoved{"milk"}})
      .when(AddTodo{"milk", "Again"})
      .then(TodoAdded{"milk", "Again"});
}

TEST(Todos, AnItemHasATitle) {
  given<Todos>({}).when(AddTodo{"milk", ""}).then_rejected(EmptyTitle{});
  given<Todos>({TodoAdded{"milk", "x"}}).when(RenameTodo{"milk", ""}).then_rejected(EmptyTitle{});
  given<Todos>({TodoAdded{"milk", "x"}}).when(RenameTodo{"milk", "y"}).then(TodoRenamed{"milk", "y"});
  given<Todos>({TodoAdded{"milk", "x"}}).when(RenameTodo{"milk", "x"}).then_nothing();
}

TEST(Todos, EveryCommandNamesAnItemThatIsNotThere) {
  given<Todos>({}).when(RenameTodo{"milk", "y"}).then_rejected(TodoNotFound{"milk"});
  given<Todos>({}).when(CompleteTodo{"milk"}).then_rejected(TodoNotFound{"milk"});
  given<Todos>({}).when(ReopenTodo{"milk"}).then_rejected(TodoNotFound{"milk"});
  given<Todos>({}).when(RemoveTodo{"milk"}).then_rejected(TodoNotFound{"milk"});
}

TEST(Todos, CompletingTwiceIsNothingToDo) {
  given<Todos>({TodoAdded{"milk", "x"}}).when(CompleteTodo{"milk"}).then(TodoCompleted{"milk"});
  given<Todos>({TodoAdded{"milk", "x"}, TodoCompleted{"milk"}}).when(CompleteTodo{"milk"}).then_nothing();
  given<Todos>({TodoAdded{"milk", "x"}, TodoCompleted{"milk"}}).when(ReopenTodo{"milk"}).then(TodoReopened{"milk"});
  given<Todos>({TodoAdded{"milk", "x"}}).when(ReopenTodo{"milk"}).then_nothing();
}

TEST(Todos, ClearsEverythingThatIsDoneAtOnce) {
  const auto outcome = given<Todos>({TodoAdded{"a", "x"}, TodoAdded{"b", "y"}, TodoAdded{"c", "z"}, TodoCompleted{"a"},
                                     TodoCompleted{"c"}})
                           .when(ClearCompleted{})
                           .then(TodoRemoved{"a"}, TodoRemoved{"c"});
  EXPECT_EQ(outcome.state().items.size(), 1u);
  given<Todos>({TodoAdded{"b", "y"}}).when(ClearCompleted{}).then_nothing();
}
