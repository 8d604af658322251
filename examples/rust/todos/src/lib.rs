//! A to-do list: items by their ids, each open or done.
//!
//! Commands and events have their fields in the enums: one `Handle` and one `Apply`, each a `match`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalo::{events, export_aggregate, Aggregate, Apply, Command, Event, Handle};

export_aggregate!(Todos, snapshot_format = "todos-1");

#[derive(Default, Serialize, Deserialize)]
pub struct Todos {
    items: BTreeMap<String, Todo>,
}
#[derive(Serialize, Deserialize)]
struct Todo {
    title: String,
    done: bool,
}

/// A list is one entity and lives in memory as a whole.
const ITEMS_MAX: usize = 1000;

/// The ids are the client's: it can name an item before anyone has answered.
#[derive(Command, Deserialize)]
pub enum TodosCommand {
    AddTodo { id: String, title: String },
    RenameTodo { id: String, title: String },
    CompleteTodo { id: String },
    ReopenTodo { id: String },
    RemoveTodo { id: String },
    ClearCompleted,
}

#[derive(Event, Serialize, Deserialize)]
pub enum TodosEvent {
    TodoAdded { id: String, title: String },
    TodoRenamed { id: String, title: String },
    TodoCompleted { id: String },
    TodoReopened { id: String },
    TodoRemoved { id: String },
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub enum TodosError {
    TodoAlreadyExists { id: String },
    TodoNotFound { id: String },
    EmptyTitle,
    TooManyTodos { most: usize },
}

impl Todos {
    fn item(&self, id: &str) -> Result<&Todo, TodosError> {
        self.items.get(id).ok_or_else(|| TodosError::TodoNotFound { id: id.to_owned() })
    }
}

impl Aggregate for Todos {
    type Command = TodosCommand;
    type Event = TodosEvent;

    fn init(_id: String) -> Self {
        Todos::default()
    }
}

impl Handle<TodosCommand> for Todos {
    type Error = TodosError;

    fn handle(&self, command: TodosCommand) -> Result<Vec<TodosEvent>, TodosError> {
        match command {
            TodosCommand::AddTodo { id, .. } if self.items.contains_key(&id) => {
                Err(TodosError::TodoAlreadyExists { id })
            }
            TodosCommand::AddTodo { title, .. } if title.is_empty() => Err(TodosError::EmptyTitle),
            TodosCommand::AddTodo { .. } if self.items.len() >= ITEMS_MAX => {
                Err(TodosError::TooManyTodos { most: ITEMS_MAX })
            }
            TodosCommand::AddTodo { id, title } => events![TodosEvent::TodoAdded { id, title }],
            TodosCommand::RenameTodo { id, title } => {
                let item = self.item(&id)?;
                if title.is_empty() {
                    return Err(TodosError::EmptyTitle);
                }
                if item.title == title {
                    return events![];
                }
                events![TodosEvent::TodoRenamed { id, title }]
            }
            // What is done already is nothing to do: no event, no error.
            TodosCommand::CompleteTodo { id } if self.item(&id)?.done => events![],
            TodosCommand::CompleteTodo { id } => events![TodosEvent::TodoCompleted { id }],
            TodosCommand::ReopenTodo { id } if !self.item(&id)?.done => events![],
            TodosCommand::ReopenTodo { id } => events![TodosEvent::TodoReopened { id }],
            TodosCommand::RemoveTodo { id } => {
                self.item(&id)?;
                events![TodosEvent::TodoRemoved { id }]
            }
            // One command, as many events as there are done items: stored all or none.
            TodosCommand::ClearCompleted => Ok(self
                .items
                .iter()
                .filter(|(_, item)| item.done)
                .map(|(id, _)| TodosEvent::TodoRemoved { id: id.clone() })
                .collect()),
        }
    }
}

impl Apply<TodosEvent> for Todos {
    fn apply(&mut self, event: TodosEvent) {
        match event {
            TodosEvent::TodoAdded { id, title } => {
                self.items.insert(id, Todo { title, done: false });
            }
            TodosEvent::TodoRenamed { id, title } => self.change(&id, |item| item.title = title),
            TodosEvent::TodoCompleted { id } => self.change(&id, |item| item.done = true),
            TodosEvent::TodoReopened { id } => self.change(&id, |item| item.done = false),
            TodosEvent::TodoRemoved { id } => {
                self.items.remove(&id);
            }
        }
    }
}

impl Todos {
    fn change(&mut self, id: &str, change: impl FnOnce(&mut Todo)) {
        if let Some(item) = self.items.get_mut(id) {
            change(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalo::testing::given;
    use TodosCommand::*;
    use TodosEvent::*;

    fn added(id: &str) -> TodosEvent {
        TodoAdded { id: id.into(), title: "Buy milk".into() }
    }
    fn completed(id: &str) -> TodosEvent {
        TodoCompleted { id: id.into() }
    }

    #[test]
    fn adds_an_item_once() {
        let add = || AddTodo { id: "milk".into(), title: "Buy milk".into() };
        given::<Todos>([]).when(add()).then([added("milk")]);
        given::<Todos>([added("milk")])
            .when(add())
            .then_rejected(TodosError::TodoAlreadyExists { id: "milk".into() });
        given::<Todos>([added("milk"), TodoRemoved { id: "milk".into() }]).when(add()).then([added("milk")]);
    }

    #[test]
    fn an_item_has_a_title() {
        let rename = |title: &str| RenameTodo { id: "milk".into(), title: title.into() };
        given::<Todos>([added("milk")]).when(rename("")).then_rejected(TodosError::EmptyTitle);
        given::<Todos>([added("milk")]).when(rename("Buy milk")).then_nothing();
        given::<Todos>([added("milk")])
            .when(rename("Drink it"))
            .then([TodoRenamed { id: "milk".into(), title: "Drink it".into() }]);
    }

    #[test]
    fn completing_twice_is_nothing_to_do() {
        let complete = || CompleteTodo { id: "milk".into() };
        given::<Todos>([added("milk")]).when(complete()).then([completed("milk")]);
        given::<Todos>([added("milk"), completed("milk")]).when(complete()).then_nothing();
        given::<Todos>([]).when(complete()).then_rejected(TodosError::TodoNotFound { id: "milk".into() });
    }

    #[test]
    fn clears_everything_that_is_done_at_once() {
        let outcome = given::<Todos>([added("a"), added("b"), added("c"), completed("a"), completed("c")])
            .when(ClearCompleted)
            .then([TodoRemoved { id: "a".into() }, TodoRemoved { id: "c".into() }]);
        assert_eq!(outcome.state().items.len(), 1);
        given::<Todos>([added("b")]).when(ClearCompleted).then_nothing();
    }
}
