//! Commands and events of every form, through their JSON and back.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use thalo::testing::given;
use thalo::{context, events, Aggregate, Apply, Command, Context, Event, Handle};

/// Keeps what happened to it, as text.
#[derive(Default)]
struct Shop {
    id: String,
    seen: Vec<String>,
}

#[derive(Command, Deserialize)]
enum ShopCommand {
    Order(Order),
    Close(Close),
    #[serde(rename = "cancel-all")]
    CancelAll(CancelAll),
    Ask(Ask),
}
#[derive(Deserialize)]
struct Order {
    lines: Vec<Line>,
    #[serde(default)]
    note: Option<String>,
}
#[derive(Serialize, Deserialize, Clone)]
struct Line {
    cents: u64,
    tags: BTreeMap<String, i64>,
}
#[derive(Deserialize)]
struct Close;
#[derive(Deserialize)]
struct CancelAll {}
#[derive(Deserialize)]
struct Ask;

#[derive(Event, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShopEvent {
    Ordered(Ordered),
    Closed(Closed),
    Told(Told),
}
#[derive(Serialize, Deserialize)]
struct Ordered {
    lines: Vec<Line>,
}
#[derive(Serialize, Deserialize)]
struct Closed;
#[derive(Serialize, Deserialize)]
struct Told {
    id: String,
    time_ms: u64,
    version: u64,
}

#[derive(Serialize)]
struct NothingToCancel {
    why: &'static str,
}

impl Aggregate for Shop {
    type Command = ShopCommand;
    type Event = ShopEvent;
    fn init(id: String) -> Self {
        Shop { id, ..Shop::default() }
    }
}
impl Handle<Order> for Shop {
    type Error = String;
    fn handle(&self, command: Order) -> Result<Vec<ShopEvent>, String> {
        match command.note {
            Some(note) => Err(note),
            None => events![Ordered { lines: command.lines }],
        }
    }
}
impl Handle<Close> for Shop {
    type Error = Infallible;
    fn handle(&self, _: Close) -> Result<Vec<ShopEvent>, Infallible> {
        events![Closed, ShopEvent::Closed(Closed)]
    }
}
impl Handle<CancelAll> for Shop {
    type Error = NothingToCancel;
    fn handle(&self, _: CancelAll) -> Result<Vec<ShopEvent>, NothingToCancel> {
        Err(NothingToCancel { why: "empty" })
    }
}
impl Handle<Ask> for Shop {
    type Error = Infallible;
    fn handle(&self, _: Ask) -> Result<Vec<ShopEvent>, Infallible> {
        let Context { time_ms, version, .. } = context();
        events![Told { id: self.id.clone(), time_ms, version }]
    }
}
impl Apply<Ordered> for Shop {
    fn apply(&mut self, event: Ordered) {
        self.seen.push(format!("{}", event.lines.iter().map(|line| line.cents).sum::<u64>()));
    }
}
impl Apply<Closed> for Shop {
    fn apply(&mut self, _: Closed) {
        self.seen.push("closed".into());
    }
}
impl Apply<Told> for Shop {
    fn apply(&mut self, event: Told) {
        self.seen.push(format!("{} {} {}", event.id, event.time_ms, event.version));
    }
}

const ORDER: &str = r#"{"lines":[{"cents":18446744073709551615,"tags":{"a":-9223372036854775808}}],"unknown":[1]}"#;

#[test]
fn each_struct_goes_to_its_own_handle_and_apply() {
    let outcome = given::<Shop>([]).when_json("Order", ORDER);
    assert_eq!(outcome.state().seen, ["18446744073709551615"]);
    let outcome = given::<Shop>([]).when_json("Close", "{}").then([Closed.into(), Closed.into()]);
    assert_eq!(outcome.state().seen, ["closed", "closed"]);
    given::<Shop>([]).when(Close).then([Closed.into(), Closed.into()]);
}

#[test]
fn serdes_names_are_the_names() {
    given::<Shop>([]).when_json("cancel-all", "{}").then_rejected(NothingToCancel { why: "empty" });
    given::<Shop>([]).when_json("CancelAll", "{}").then_invalid("expected one of `Order`, `Close`, `cancel-all`, `Ask`");
}

#[test]
fn an_error_may_be_any_serialize() {
    let order = ORDER.replace("unknown\":[1]", "note\":\"no \\\"thanks\\\"\"");
    given::<Shop>([]).when_json("Order", &order).then_rejected("no \"thanks\"");
}

#[test]
fn what_cannot_be_read_is_named_by_its_path() {
    let wrong = |payload: &str, part: &str| {
        given::<Shop>([]).when_json("Order", payload).then_invalid(part);
    };
    wrong(r#"{"lines":[{"cents":1,"tags":{}},{"cents":-1,"tags":{}}]}"#, "lines[1].cents: invalid value");
    wrong(r#"{"lines":[{"cents":1,"tags":{"x":"y"}}]}"#, "lines[0].tags.x: invalid type: string \"y\"");
    wrong(r#"{"lines":[{"cents":1}]}"#, "lines[0]: missing field `tags`");
    wrong("{}", "missing field `lines`");
    wrong("[]", "");
    wrong("", "EOF");
    wrong(r#"{"lines":[]} x"#, "trailing characters");
    given::<Shop>([]).when_json("Close", "[1]").then_invalid("unit struct");
    given::<Shop>([]).when_json("Order", "[]").then_invalid("the payload must be an object, but is an array");
}

#[test]
fn the_context_is_there_in_handle() {
    let outcome = given::<Shop>([Closed.into()]).with_id("ann").at(1234).when(Ask);
    assert_eq!(outcome.state().seen[1], "ann 1234 1");
}

#[test]
#[should_panic(expected = "for `handle`")]
fn the_context_is_not_there_elsewhere() {
    context();
}

#[test]
#[should_panic(expected = r#"expected no event, got the events closed {} closed {}"#)]
fn the_kit_says_what_came_instead() {
    given::<Shop>([]).when(Close).then_nothing();
}

#[test]
#[should_panic(expected = r#"expected the refusal NothingToCancel {"why":"full"}, got the refusal NothingToCancel {"why":"empty"}"#)]
fn the_kit_compares_errors_whole() {
    given::<Shop>([]).when(CancelAll {}).then_rejected(NothingToCancel { why: "full" });
}

#[test]
#[should_panic(expected = "nothing is done with this `given`: where is the `when`?")]
fn a_given_without_when_fails() {
    let _ = given::<Shop>([]);
}

#[test]
#[should_panic(expected = "nothing is expected of this `when`: where is the `then`?")]
fn a_when_without_then_fails() {
    let _ = given::<Shop>([]).when(Close);
}

/// Fields in the enums, and one `Handle` and one `Apply` for all.
struct Lamp {
    on: bool,
}
#[derive(Command, Deserialize)]
enum LampCommand {
    Set { on: bool },
    Toggle,
    Dim(Dim),
}
#[derive(Deserialize)]
struct Dim {
    percent: u8,
}
#[derive(Event, Serialize, Deserialize, Clone)]
enum LampEvent {
    WasSet { on: bool },
    Toggled,
}
#[derive(Serialize)]
enum LampError {
    TooDark { percent: u8 },
}
impl Aggregate for Lamp {
    type Command = LampCommand;
    type Event = LampEvent;
    fn init(_: String) -> Self {
        Lamp { on: false }
    }
}
impl Handle<LampCommand> for Lamp {
    type Error = LampError;
    fn handle(&self, command: LampCommand) -> Result<Vec<LampEvent>, LampError> {
        match command {
            LampCommand::Set { on } if on == self.on => events![],
            LampCommand::Set { on } => events![LampEvent::WasSet { on }],
            LampCommand::Toggle => events![LampEvent::Toggled],
            LampCommand::Dim(Dim { percent }) => Err(LampError::TooDark { percent }),
        }
    }
}
impl Apply<LampEvent> for Lamp {
    fn apply(&mut self, event: LampEvent) {
        match event {
            LampEvent::WasSet { on } => self.on = on,
            LampEvent::Toggled => self.on = !self.on,
        }
    }
}

#[test]
fn fields_may_be_in_the_variants() {
    given::<Lamp>([]).when_json("Set", r#"{"on":true}"#).then([LampEvent::WasSet { on: true }]);
    given::<Lamp>([]).when_json("Set", r#"{"on":false}"#).then_nothing();
    assert!(given::<Lamp>([]).when_json("Toggle", "{}").then([LampEvent::Toggled]).state().on);
    given::<Lamp>([LampEvent::Toggled]).when_json("Set", r#"{"on":true}"#).then_nothing();
    given::<Lamp>([]).when_json("Dim", r#"{"percent":3}"#).then_rejected(LampError::TooDark { percent: 3 });
    given::<Lamp>([]).when_json("Set", r#"{"on":1}"#).then_invalid("on: invalid type");
    given::<Lamp>([]).when_json("Set", " [true]").then_invalid("the payload must be an object, but is an array");
    given::<Lamp>([]).when_json("Dim", r#"{"percent":300}"#).then_invalid("percent: invalid value");
}
