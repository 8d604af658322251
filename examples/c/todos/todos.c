/* A to-do list: items by their ids, each open or done. */
#include <stdlib.h>
#include <string.h>
#include <thalo.h>

/* A list is one entity and lives in memory as a whole. */
#define ITEMS_MAX 1000

typedef struct {
  thalo_text id;
  thalo_text title;
  bool done;
} Todo;

/* In the order of their ids, so that whatever is said of all of them has one order. */
typedef struct {
  Todo *items;
  size_t count;
} Todos;

static int compare(thalo_text a, thalo_text b) {
  const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Where the item is, or would be. */
static size_t place_of(const Todos *todos, thalo_text id) {
  size_t low = 0;
  for (size_t high = todos->count; low < high;) {
    const size_t middle = low + (high - low) / 2;
    if (compare(todos->items[middle].id, id) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static Todo *find(const Todos *todos, thalo_text id) {
  const size_t place = place_of(todos, id);
  return place < todos->count && thalo_equal(todos->items[place].id, id) ? &todos->items[place] : NULL;
}

/* ---- deciding ---- */

static void reject_id(thalo_answer *answer, const char *error, thalo_text id) {
  thalo_reject(answer, error);
  thalo_put_string(answer, "id", id);
}

static void emit_id(thalo_answer *answer, const char *event, thalo_text id) {
  thalo_emit(answer, event);
  thalo_put_string(answer, "id", id);
}

static void add_todo(const Todos *todos, thalo_text id, thalo_text title, thalo_answer *answer) {
  if (find(todos, id) != NULL) {
    reject_id(answer, "TodoAlreadyExists", id);
  } else if (title.size == 0) {
    thalo_reject(answer, "EmptyTitle");
  } else if (todos->count >= ITEMS_MAX) {
    thalo_reject(answer, "TooManyTodos");
    thalo_put_u64(answer, "most", ITEMS_MAX);
  } else {
    emit_id(answer, "TodoAdded", id);
    thalo_put_string(answer, "title", title);
  }
}

static void rename_todo(const Todos *todos, thalo_text id, thalo_text title, thalo_answer *answer) {
  const Todo *todo = find(todos, id);
  if (todo == NULL) {
    reject_id(answer, "TodoNotFound", id);
  } else if (title.size == 0) {
    thalo_reject(answer, "EmptyTitle");
  } else if (!thalo_equal(todo->title, title)) {
    emit_id(answer, "TodoRenamed", id);
    thalo_put_string(answer, "title", title);
  }
}

/* What is done already is nothing to do: no event, no error. */
static void mark(const Todos *todos, thalo_text id, bool done, const char *event, thalo_answer *answer) {
  const Todo *todo = find(todos, id);
  if (todo == NULL) {
    reject_id(answer, "TodoNotFound", id);
  } else if (todo->done != done) {
    emit_id(answer, event, id);
  }
}

static void remove_todo(const Todos *todos, thalo_text id, thalo_answer *answer) {
  if (find(todos, id) == NULL) {
    reject_id(answer, "TodoNotFound", id);
  } else {
    emit_id(answer, "TodoRemoved", id);
  }
}

static void handle(const void *state, const thalo_message *command, const thalo_context *context, thalo_answer *answer) {
  const Todos *todos = state;
  (void)context;
  if (thalo_is(command, "AddTodo")) {
    add_todo(todos, thalo_string(command, "id"), thalo_string(command, "title"), answer);
  } else if (thalo_is(command, "RenameTodo")) {
    rename_todo(todos, thalo_string(command, "id"), thalo_string(command, "title"), answer);
  } else if (thalo_is(command, "CompleteTodo")) {
    mark(todos, thalo_string(command, "id"), true, "TodoCompleted", answer);
  } else if (thalo_is(command, "ReopenTodo")) {
    mark(todos, thalo_string(command, "id"), false, "TodoReopened", answer);
  } else if (thalo_is(command, "RemoveTodo")) {
    remove_todo(todos, thalo_string(command, "id"), answer);
  } else if (thalo_is(command, "ClearCompleted")) {
    /* One command, as many events as there are done items: stored all or none. */
    for (size_t at = 0; at < todos->count; at++) {
      if (todos->items[at].done) emit_id(answer, "TodoRemoved", todos->items[at].id);
    }
  }
}

/* ---- following ---- */

static void insert(Todos *todos, thalo_text id, thalo_text title, bool done) {
  const size_t place = place_of(todos, id);
  Todo *items = realloc(todos->items, (todos->count + 1) * sizeof(Todo));
  if (items == NULL) abort();
  todos->items = items;
  memmove(&items[place + 1], &items[place], (todos->count - place) * sizeof(Todo));
  items[place] = (Todo){thalo_copy(id), thalo_copy(title), done};
  todos->count++;
}

static void clear(Todo *todo) {
  free((void *)todo->id.data);
  free((void *)todo->title.data);
}

static void erase(Todos *todos, Todo *todo) {
  const size_t place = (size_t)(todo - todos->items);
  clear(todo);
  memmove(todo, todo + 1, (todos->count - place - 1) * sizeof(Todo));
  todos->count--;
}

static void apply(void *state, const thalo_message *event) {
  Todos *todos = state;
  if (thalo_is(event, "TodoAdded")) {
    insert(todos, thalo_string(event, "id"), thalo_string(event, "title"), false);
    return;
  }
  Todo *todo = find(todos, thalo_string(event, "id"));
  if (thalo_is(event, "TodoRenamed")) {
    const thalo_text title = thalo_string(event, "title");
    if (todo == NULL) return;
    free((void *)todo->title.data);
    todo->title = thalo_copy(title);
  } else if (thalo_is(event, "TodoCompleted")) {
    if (todo != NULL) todo->done = true;
  } else if (thalo_is(event, "TodoReopened")) {
    if (todo != NULL) todo->done = false;
  } else if (thalo_is(event, "TodoRemoved")) {
    if (todo != NULL) erase(todos, todo);
  }
}

static void destroy(void *state) {
  Todos *todos = state;
  for (size_t at = 0; at < todos->count; at++) clear(&todos->items[at]);
  free(todos->items);
}

/* ---- snapshots ---- */

static void snapshot(const void *state, thalo_answer *out) {
  const Todos *todos = state;
  thalo_begin_object(out, "items");
  for (size_t at = 0; at < todos->count; at++) {
    thalo_put_key(out, todos->items[at].id);
    thalo_begin_object(out, NULL);
    thalo_put_string(out, "title", todos->items[at].title);
    thalo_put_bool(out, "done", todos->items[at].done);
    thalo_end_object(out);
  }
  thalo_end_object(out);
}

static void restore(void *state, const thalo_message *in) {
  thalo_entries items = thalo_map(in, "items");
  while (thalo_next(&items)) insert(state, items.key, thalo_string(&items.value, "title"), thalo_bool(&items.value, "done"));
}

const thalo_aggregate todos = {
    .size = sizeof(Todos),
    .handle = handle,
    .apply = apply,
    .destroy = destroy,
    .snapshot_format = "todos-1",
    .snapshot = snapshot,
    .restore = restore,
};

THALO_EXPORT(todos)
