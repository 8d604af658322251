"""Aggregates in Rust: made, built and executed with the command line. Skipped where no Rust for WebAssembly is installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import BUILD, CLI, ROOT, runtime, thalo


def build(*arguments, cwd):
    done = subprocess.run([CLI, "build", *map(str, arguments)], capture_output=True, text=True, timeout=1700, cwd=cwd)
    if done.returncode == 1 and "no Rust for WebAssembly was found" in done.stderr:
        pytest.skip(done.stderr)
    return done


def crate(folder, name, source):
    """A package as a user of Thalo 0.8 has it."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").write_text(source)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\n'
        f'serde = {{ version = "1", features = ["derive"] }}\nthalo = {{ path = "{ROOT / "sdk" / "rust"}" }}\n\n[workspace]\n'
    )
    shutil.copy(ROOT / "examples" / "rust" / "Cargo.lock", folder)


def first_program():
    """The guide's first example, to the letter."""
    readme = (ROOT / "sdk" / "rust" / "README.md").read_text()
    return re.search(r"```rust\n(.*?)# fn main", readme, re.S)[1]


def test_the_first_program_of_the_guide_is_built_in_a_workspace_and_served(tmp_path):
    crate(tmp_path / "counter", "counter", first_program())
    workspace = tmp_path / "Cargo.toml"
    workspace.write_text('[workspace]\nmembers = ["counter"]\nresolver = "2"\n')
    manifest = tmp_path / "counter" / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("\n[workspace]\n", ""))
    shutil.move(tmp_path / "counter", tmp_path / "first")
    workspace.write_text(workspace.read_text().replace("counter", "first"))

    built = build("counter", "-o", "modules", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert built.stdout.startswith("Built modules/counter.wasm (") and "imports  thalo:aggregate/log@1.0.0" in built.stdout
    assert "exports  thalo:aggregate/aggregate@1.0.0" in built.stdout and re.search(r"digest   [0-9a-f]{64}\n", built.stdout)
    with runtime(tmp_path) as server:
        done = server.thalo("execute", "counter", "one", "Increment", '{"amount":5}')
        assert done.stdout == 'Executed with 1 event:\n    Incremented  {"amount":5}\n', done.stderr
        wrong = server.thalo("execute", "counter", "one", "Increment", '{"amount":-5}')
        assert wrong.returncode == 1 and "amount: invalid value" in wrong.stderr
        assert [event.type for event in server.events("counter-one")] == ["Incremented"]
    root = build(".", cwd=tmp_path)
    assert root.returncode == 1 and "is a workspace; say which of its packages: counter" in root.stderr


def test_a_new_aggregate_builds_passes_its_test_and_serves(tmp_path):
    made = thalo("new", "bank_account", "--lang", "rust", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    steps = [line.strip() for line in made.stdout.splitlines() if line.startswith("    ")]
    assert steps[0] == "thalo build bank_account"
    built = build("bank_account", cwd=tmp_path)
    assert built.returncode == 0 and built.stdout.startswith("Built modules/bank_account.wasm ("), built.stderr
    with runtime(tmp_path) as server:
        path = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}", "THALO_URL": f"http://{server.target}"}
        done = subprocess.run(["sh", "-c", steps[2]], capture_output=True, text=True, env=path, timeout=60)
        assert done.stdout == 'Executed with 1 event:\n    BankAccountOpened  {"title":"hello"}\n', done.stderr
    test = ["cargo", "test", "--manifest-path", "bank_account/Cargo.toml"]
    target = {**os.environ, "CARGO_TARGET_DIR": str(Path.home() / ".cache" / "thalo" / "rust" / "native")}
    tested = subprocess.run(test, cwd=tmp_path, capture_output=True, text=True, timeout=800, env=target)
    assert tested.returncode == 0 and "2 passed" in tested.stdout, tested.stdout + tested.stderr
    # The test is worth something: a broken rule fails it.
    source = tmp_path / "bank_account" / "src" / "lib.rs"
    source.write_text(source.read_text().replace("if !self.open =>", "if self.open =>"))
    broken = subprocess.run(test, cwd=tmp_path, capture_output=True, text=True, timeout=800, env=target)
    assert broken.returncode != 0 and "expected the refusal BankAccountNotOpen" in broken.stdout


TALKATIVE = """
use serde::{Deserialize, Serialize};
use thalo::{context, events, export_aggregate, tracing, Aggregate, Apply, Command, Event, Handle};

export_aggregate!(Talker);
pub struct Talker;
impl Aggregate for Talker { type Command = TalkerCommand; type Event = TalkerEvent; fn init(_: String) -> Self { Talker } }
#[derive(Command, Deserialize)] pub enum TalkerCommand { Say { text: String }, Panic, Tell }
#[derive(Event, Serialize, Deserialize)] pub enum TalkerEvent { Said { text: String } }
#[derive(Serialize)] pub struct Empty { at: u64 }
impl Handle<TalkerCommand> for Talker {
    type Error = Empty;
    fn handle(&self, command: TalkerCommand) -> Result<Vec<TalkerEvent>, Empty> {
        match command {
            TalkerCommand::Say { text } if text.is_empty() => Err(Empty { at: context().version }),
            TalkerCommand::Say { text } => {
                tracing::info!(size = text.len(), "saying {text}");
                events![TalkerEvent::Said { text }]
            }
            TalkerCommand::Panic => panic!("all is lost"),
            TalkerCommand::Tell => events![TalkerEvent::Said { text: context().command_id }],
        }
    }
}
impl Apply<TalkerEvent> for Talker { fn apply(&mut self, _: TalkerEvent) {} }
"""


def test_what_an_aggregate_says_is_in_the_log_and_a_panic_costs_nothing_stored(tmp_path):
    crate(tmp_path / "talker", "talker", TALKATIVE)
    built = build("talker", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    with runtime(tmp_path) as server:
        assert server.thalo("execute", "talker", "a", "Say", '{"text":"héllo"}').returncode == 0
        server.wait_for_log("saying héllo size=6")
        refused = server.thalo("execute", "talker", "a", "Say", '{"text":""}')
        assert refused.returncode == 3 and '{"at":1}' in refused.stdout + refused.stderr
        panicked = server.thalo("execute", "talker", "a", "Panic")
        assert panicked.returncode == 1
        server.wait_for_log("all is lost")
        told = server.execute("talker", "a", "Tell", command_id="c-7")
        assert [event.data for event in told.accepted.events] == ['{"text":"c-7"}']
        assert [event.type for event in server.events("talker-a")] == ["Said", "Said"]


def test_check_writes_nothing_and_sends_a_command_to_two_fresh_instances(tmp_path):
    counter = ROOT / "examples" / "rust" / "counter"
    checked = build(counter, "--check", cwd=tmp_path)
    assert checked.returncode == 0 and "refused as unknown" in checked.stdout, checked.stderr
    command = build(counter, "--check", "--check-command", 'Increment {"amount":3}', cwd=tmp_path)
    assert 'Increment in fresh and used instances: Incremented {"amount":3}' in command.stdout
    unknown = build(counter, "--check", "--check-command", "Fly", cwd=tmp_path)
    assert unknown.returncode == 1 and "Fly" in unknown.stderr
    assert os.listdir(tmp_path) == []


def test_two_packages_of_one_name_are_never_taken_for_each_other(tmp_path):
    crate(tmp_path / "counter", "counter", first_program())
    module = tmp_path / "modules" / "counter.wasm"
    assert build("counter", cwd=tmp_path).returncode == 0
    first = module.read_bytes()
    assert build(ROOT / "examples" / "rust" / "counter", cwd=tmp_path).returncode == 0
    other = module.read_bytes()
    assert b"BelowZero" in other and b"BelowZero" not in first
    for source, expected in (("counter", first), (ROOT / "examples" / "rust" / "counter", other)):
        assert build(source, cwd=tmp_path).returncode == 0
        assert module.read_bytes() == expected


def test_what_does_not_compile_is_shown_as_cargo_shows_it_and_leaves_the_old_module(tmp_path):
    crate(tmp_path / "counter", "counter", first_program())
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "counter.wasm").write_text("the old one")
    source = tmp_path / "counter" / "src" / "lib.rs"
    good = source.read_text()

    source.write_text(good.replace("impl Apply<Incremented>", "impl Apply<u64>").replace("event: Incremented)", "event: u64)"))
    wrong = build("counter", cwd=tmp_path)
    assert wrong.returncode == 1 and "`Counter` does not follow the event `Incremented`" in wrong.stderr
    assert "compiling the package counter failed; cargo says why above" in wrong.stderr

    source.write_text(good.replace("type Error = Infallible", "type Error = std::rc::Rc<u8>"))
    assert "the trait bound `Rc<u8>: serde::Serialize` is not satisfied" in build("counter", cwd=tmp_path).stderr

    source.write_text(good.replace("#[derive(Command, Deserialize)]", '#[derive(Command, Deserialize)] #[serde(tag = "t")]'))
    assert "the variant's name is the command's" in build("counter", cwd=tmp_path).stderr

    source.write_text(good.replace("export_aggregate!(Counter);", ""))
    forgotten = build("counter", cwd=tmp_path)
    assert forgotten.returncode == 1 and "export_aggregate!(YourAggregate);" in forgotten.stderr
    assert (tmp_path / "modules" / "counter.wasm").read_text() == "the old one"


def test_without_rust_it_says_what_to_install(tmp_path):
    crate(tmp_path / "counter", "counter", first_program())
    done = subprocess.run(
        [CLI, "build", "counter"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "rustup target add wasm32-unknown-unknown" in done.stderr and "apt-get install rustc-web" in done.stderr
