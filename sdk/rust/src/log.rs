//! What the `tracing` macros say goes to the runtime's log, and so does the message of a panic.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::bindings::thalo::aggregate::log as runtime;

/// Once for a module's instance; again does nothing.
#[cfg_attr(test, allow(dead_code))]
pub(crate) fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // A module that has set its own subscriber keeps it.
        let _ = tracing::subscriber::set_global_default(RuntimeLog);
        std::panic::set_hook(Box::new(|panic| runtime::write(runtime::Level::Error, &panic.to_string())));
    });
}

#[cfg_attr(test, allow(dead_code))]
struct RuntimeLog;

impl Subscriber for RuntimeLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        runtime::write(level_of(event.metadata().level()), &line.text());
    }
    // Spans have no place in the log: the runtime puts the stream before each line, which is what they would say.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[cfg_attr(test, allow(dead_code))]
fn level_of(level: &Level) -> runtime::Level {
    match *level {
        Level::TRACE => runtime::Level::Trace,
        Level::DEBUG => runtime::Level::Debug,
        Level::INFO => runtime::Level::Info,
        Level::WARN => runtime::Level::Warn,
        Level::ERROR => runtime::Level::Error,
    }
}

/// `message key=value key=value`
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn text(self) -> String {
        if self.message.is_empty() {
            self.fields.trim_start().to_owned()
        } else {
            self.message + &self.fields
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_message_first_and_then_the_fields() {
        struct Keep(std::sync::Arc<std::sync::Mutex<String>>);
        impl Subscriber for Keep {
            fn enabled(&self, _: &Metadata<'_>) -> bool {
                true
            }
            fn event(&self, event: &Event<'_>) {
                let mut line = Line::default();
                event.record(&mut line);
                *self.0.lock().unwrap() = line.text();
            }
            fn new_span(&self, _: &Attributes<'_>) -> Id {
                Id::from_u64(1)
            }
            fn record(&self, _: &Id, _: &Record<'_>) {}
            fn record_follows_from(&self, _: &Id, _: &Id) {}
            fn enter(&self, _: &Id) {}
            fn exit(&self, _: &Id) {}
        }
        let kept = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        tracing::subscriber::with_default(Keep(kept.clone()), || {
            tracing::info!(amount = 5, who = "Ann", "counted {}", "up");
            assert_eq!(*kept.lock().unwrap(), r#"counted up amount=5 who="Ann""#);
            tracing::warn!(amount = 5);
            assert_eq!(*kept.lock().unwrap(), "amount=5");
        });
    }
}
