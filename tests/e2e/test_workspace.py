"""Making and building aggregates with the command line; completion and manual pages."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from harness import BUILD, CLI, ROOT, RUNTIME, runtime, thalo


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# new


def test_a_new_aggregate_builds_passes_its_test_and_serves(tmp_path):
    made = thalo("new", "bank_account", "--lang", "cpp", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(os.listdir(tmp_path / "bank_account")) == [".gitignore", "CMakeLists.txt", "README.md", "bank_account.cc", "bank_account_test.cc"]
    # What it prints as the next steps, word for word.
    build, serve, execute = [line.strip() for line in made.stdout.splitlines() if line.startswith("    ")]
    assert (build, serve) == ("thalo build bank_account", "thalo-runtime &")
    path = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
    assert run("sh", "-c", build, cwd=tmp_path, env=path).startswith("Built modules/bank_account.wasm (")
    with runtime(tmp_path) as server:
        done = run("sh", "-c", execute, env={**path, "THALO_URL": f"http://{server.target}"})
        assert done == 'Executed with 1 event:\n    BankAccountOpened  {"title":"hello"}\n'
    readme = (tmp_path / "bank_account" / "README.md").read_text()
    commands = [line.strip() for line in readme.split("Test it:")[1].splitlines() if line.startswith("    ")]
    assert len(commands) == 3
    for command in commands:
        run("sh", "-c", command, cwd=tmp_path, env=path)
    # The test is worth something: a broken rule fails it.
    source = tmp_path / "bank_account" / "bank_account.cc"
    source.write_text(source.read_text().replace("if (!open)", "if (open)"))
    broken = subprocess.run(["sh", "-c", " && ".join(commands[1:])], cwd=tmp_path, env=path, capture_output=True, text=True, timeout=300)
    assert broken.returncode != 0 and "BankAccountNotOpen" in broken.stdout


@pytest.mark.parametrize("language", ["c", "cpp", "go", "javascript", "python", "rust", "typescript"])
def test_what_new_makes_names_nothing_of_this_machine(language, tmp_path):
    assert thalo("new", "shop", "--lang", language, cwd=tmp_path).returncode == 0
    sdk = thalo("sdk-path", "--lang", language).stdout.strip()
    for file in (tmp_path / "shop").rglob("*"):
        text = file.read_text() if file.is_file() else ""
        for place in (sdk, str(tmp_path), os.path.expanduser("~/")):
            assert place not in text, f"{file.name} names {place}"
    if language == "rust":
        assert run("diff", "-r", sdk, tmp_path / "shop" / "sdk") == ""


def test_new_overwrites_nothing_and_names_what_is_wrong(tmp_path):
    (tmp_path / "shop").mkdir()
    exists = thalo("new", "shop", cwd=tmp_path)
    assert exists.returncode == 1 and "shop exists already" in exists.stderr
    assert os.listdir(tmp_path / "shop") == []
    illegal = thalo("new", "../Shop", cwd=tmp_path)
    assert illegal.returncode == 1 and "'../Shop' is illegal" in illegal.stderr and "lower-case letters" in illegal.stderr
    unknown = thalo("new", "other", "--lang", "cobol", cwd=tmp_path)
    assert unknown.returncode == 2 and "cobol" in unknown.stderr and "cpp" in unknown.stderr
    assert os.listdir(tmp_path) == ["shop"]


@pytest.mark.parametrize("name, language", [*((name, language) for language in ("cpp", "rust") for name in ("event", "command")), ("result", "rust"), ("thalo", "rust")])
def test_new_refuses_a_name_that_would_not_compile(name, language, tmp_path):
    made = thalo("new", name, "--lang", language, cwd=tmp_path)
    assert made.returncode == 1 and f"'{name}'" in made.stderr and f"use another, e.g. 'my_{name}'" in made.stderr, made.stderr
    assert os.listdir(tmp_path) == []


def test_sdk_path_is_where_the_headers_are():
    folder = thalo("sdk-path").stdout.strip()
    assert os.path.isfile(f"{folder}/thalo/aggregate.h") and os.path.isfile(f"{folder}/thalo/testing.h")


def test_every_sdk_comes_with_its_readme():
    for language in ["c", "cpp", "go", "javascript", "python", "rust", "typescript"]:
        folder = thalo("sdk-path", "--lang", language).stdout.strip()
        assert os.path.getsize(f"{folder}/README.md") > 1000, language


# build


def test_build_finds_a_name_below_the_workspace(tmp_path):
    shutil.copytree(ROOT / "examples" / "counter", tmp_path / "examples" / "counter")
    built = thalo("build", "counter", "-o", "out", cwd=tmp_path)
    assert built.returncode == 0 and (tmp_path / "out" / "counter.wasm").is_file(), built.stderr
    here = thalo("build", "-o", "../../out", cwd=tmp_path / "examples" / "counter")
    assert here.stdout.startswith("Built ../../out/counter.wasm (")
    missing = thalo("build", "counters", cwd=tmp_path)
    assert missing.returncode == 1 and "'counters'" in missing.stderr and "there are: counter" in missing.stderr
    shutil.copytree(tmp_path / "examples" / "counter", tmp_path / "aggregates" / "counter")
    several = thalo("build", "counter", cwd=tmp_path)
    assert several.returncode == 1 and "./examples/counter, ./aggregates/counter" in several.stderr
    assert not (tmp_path / "modules").exists()


class Watch:
    """`thalo build --watch`, its lines as they come."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [CLI, "build", "counter", "--watch"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )

    def until(self, text):
        """The lines up to the one with `text`."""
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return "".join(seen)
        raise AssertionError(f"ended without {text!r}: {''.join(seen)}")


def test_watch_builds_at_every_change_and_outlives_errors(tmp_path):
    shutil.copytree(ROOT / "examples" / "counter", tmp_path / "counter")
    source, module = tmp_path / "counter" / "counter.cc", tmp_path / "modules" / "counter.wasm"
    good = source.read_text()
    watch = Watch(tmp_path)
    try:
        assert "Built modules/counter.wasm (" in watch.until("Waiting for changes in counter")
        first = module.read_bytes()
        source.write_text(good.replace("WasReset", "WasSetToZero"))
        assert "Built modules/counter.wasm (" in watch.until("Waiting")
        second = module.read_bytes()
        assert b"WasSetToZero" in second and second != first
        source.write_text(good.replace("return Incremented", "return Nonsense"))
        wrong = watch.until("Waiting")
        assert re.search(r"counter\.cc:\d+.*Nonsense", wrong) and "error: compiling counter.cc failed" in wrong
        assert module.read_bytes() == second, "what was built stays"
        # As editors save: a new file is renamed over the old one; and a header in a folder that was not there before.
        (tmp_path / "counter" / "include").mkdir()
        (tmp_path / "counter" / "include" / "extra.h").write_text("struct Extra {};\n")
        watch.until("Waiting")
        (tmp_path / "counter" / ".new").write_text("#include <extra.h>\n" + good)
        (tmp_path / "counter" / ".new").rename(source)
        assert "Built modules/counter.wasm (" in watch.until("Waiting")
        assert module.read_bytes() == first
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(60) == 0
        assert watch.process.stdout.read() == ""
    finally:
        watch.process.kill()


def test_watch_of_nothing_ends(tmp_path):
    nothing = thalo("build", "--watch", cwd=tmp_path)
    assert nothing.returncode == 1 and "no aggregate in" in nothing.stderr


# completion


class Bash:
    """An interactive bash on a terminal of its own, without a user's settings."""

    def __init__(self, folder):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            environment = {"PATH": f"{BUILD}/bin:{os.environ['PATH']}", "TERM": "dumb", "PS1": "> ", "HOME": str(folder)}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self.pid = pid
        self.run("bind 'set bell-style none'; stty cols 1000; set +o history")

    def read_until(self, text):
        seen, end = "", time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < end, f"no {text!r} in {seen!r}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                seen += os.read(self.terminal, 65536).decode()
        return seen

    def type(self, text):
        os.write(self.terminal, text.encode())

    def run(self, line):
        self.type(f"{line}; echo d''one\n")
        return self.read_until("done\r\n")

    def completed(self, line):
        """What `line` becomes when TAB is pressed: its words, from a program that is called instead of thalo."""
        self.type(f"{line}\t\x01words \x05\n")  # TAB; to the line's start: another command; to its end
        return self.read_until("<end>").rsplit("<begin>", 1)[1].split("|")[1:-1]

    def close(self):
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def bash(tmp_path):
    (tmp_path / "some file.wasm").touch()
    started = Bash(tmp_path)
    started.run("source <(thalo completion bash)")
    started.run("words() { printf '<be''gin>|'; printf '%s|' \"$@\"; printf '<e''nd>\\n'; }")
    yield started
    started.close()


def test_bash_completes_commands_flags_values_and_files(bash):
    for typed, completed in [
        ("thalo bui", ["thalo", "build"]),
        ("thalo dry", ["thalo", "dry-run"]),
        ("thalo build --wa", ["thalo", "build", "--watch"]),
        ("thalo execute --expected", ["thalo", "execute", "--expected-version"]),
        ("thalo publish shop so", ["thalo", "publish", "shop", "some file.wasm"]),
        ("thalo build --output=so", ["thalo", "build", "--output=some file.wasm"]),
        ("thalo completion z", ["thalo", "completion", "zsh"]),
        ("thalo new shop --lang cp", ["thalo", "new", "shop", "--lang", "cpp"]),
        ("thalo --ver", ["thalo", "--version"]),
        ("thalo nonsense --wa", ["thalo", "nonsense", "--wa"]),
    ]:
        assert bash.completed(typed) == completed


def test_every_command_and_flag_of_the_help_is_completed():
    script = thalo("completion", "bash").stdout
    commands = re.findall(r"^  ([a-z][a-z-]*) ", thalo("--help").stdout.split("Subcommands:")[1], re.M)
    assert len(commands) > 15
    for command in commands:
        arm = re.search(rf"^    {command}\)\n(.*?)(?=^    \S+\)$|^  esac)", script, re.M | re.S)[1]
        flags = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", thalo(command, "--help").stdout, re.M))
        assert flags <= set(re.findall(r"--[a-z-]+", arm)), command


def test_other_shells_accept_their_script(tmp_path):
    for shell in ("zsh", "fish"):
        script = thalo("completion", shell)
        assert script.returncode == 0 and "watch" in script.stdout
        (tmp_path / shell).write_text(script.stdout)
        if shutil.which(shell):
            run(shell, "-n", tmp_path / shell)
    if shutil.which("fish"):
        assert run("fish", "-c", f"source {tmp_path / 'fish'}; complete -C 'thalo build --wa'").startswith("--watch\t")
    unknown = thalo("completion", "cmd")
    assert unknown.returncode == 2 and "bash" in unknown.stderr


# manual pages


@pytest.mark.parametrize("program", [CLI, RUNTIME], ids=["thalo", "thalo-runtime"])
def test_the_manual_says_what_the_help_says_and_reads_cleanly(program, tmp_path):
    page = tmp_path / "page.1"
    page.write_text(run(program, "man" if program == CLI else "--man"))
    assert (BUILD / "man" / f"{program.name}.1").read_text() == page.read_text()
    assert page.read_text().isascii()
    help_text = run(program, "--help")
    for flag in re.findall(r"^  (?:-\w,)?(--[a-z-]+)", help_text, re.M):
        assert flag.replace("-", "\\-") in page.read_text(), flag
    for command in re.findall(r"^  ([a-z][a-z-]*) ", help_text.partition("Subcommands:")[2], re.M):
        assert f".SS \\fB{program.name} {command}\\fR".replace("-", "\\-") in page.read_text()
    if shutil.which("groff"):
        read = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True, timeout=60)
        assert read.returncode == 0 and read.stderr == ""


def test_a_build_tells_a_machine_what_it_made(tmp_path):
    made = thalo("build", ROOT / "examples" / "counter", "-o", tmp_path, "--json")
    assert made.returncode == 0, made.stderr
    built = json.loads(made.stdout)
    assert built["size_bytes"] == (tmp_path / "counter.wasm").stat().st_size and built["file"] == str(tmp_path / "counter.wasm")
    assert built["exports"] == ["thalo:aggregate/aggregate@1.0.0"] and len(built["digest"]) == 64
    assert "checked" not in built


def test_a_check_tells_people_and_machines_what_every_command_was_answered(tmp_path):
    check = ("build", ROOT / "examples" / "counter", "-o", tmp_path / "none", "--check")
    unknown = thalo(*check, "--json")
    assert unknown.returncode == 0, unknown.stderr
    assert json.loads(unknown.stdout)["checked"] == [{"command": "ThaloCheck", "payload": {}, "outcome": "unknown"}]
    commands = ("--check-command", 'Increment {"amount":3}', "--check-command", 'Decrement {"amount":2}', "--check-command", 'Decrement {"amount":2}')
    answers = json.loads(thalo(*check, *commands, "--json").stdout)["checked"]
    assert answers == [
        {"command": "Increment", "payload": {"amount": 3}, "outcome": "accepted", "events": [{"type": "Incremented", "data": {"amount": 3}}]},
        {"command": "Decrement", "payload": {"amount": 2}, "outcome": "accepted", "events": [{"type": "Decremented", "data": {"amount": 2}}]},
        {"command": "Decrement", "payload": {"amount": 2}, "outcome": "rejected", "error": {"type": "BelowZero", "count": 1, "amount": 2}},
    ]
    told = thalo(*check, *commands).stdout
    assert told.startswith("Checked counter (") and told.count("    command  ") == 3, told
    assert '    command  Decrement in fresh and used instances: rejected {"type":"BelowZero"' in told
    for flags in ((), ("--json",)):
        failed = thalo(*check, *commands[:2], "--check-command", "Fly", *flags)
        assert (failed.returncode, failed.stdout) == (1, "") and "module 'counter'" in failed.stderr and "Fly" in failed.stderr, failed
    assert not (tmp_path / "none").exists()
