"""Mistakes in an aggregate in Python: what raises fails the command, says where in the log, and the instance goes on."""

import json
import shutil
import subprocess

import grpc
import pytest
from harness import BUILD, failure, runtime, thalo

MODULE_CACHE = BUILD / "module-cache"
WHEEL = """
FAILS_AT = 0
import logging
import warnings
from dataclasses import dataclass

from thalo import Aggregate


@dataclass
class Turn:
    how: str


@dataclass
class Store:
    how: str


@dataclass
class Turned:
    how: str


def deeper(how):
    return deeper(how) + 1


def fail(how):
    match how:
        case "arithmetic":
            return 1 // 0
        case "key":
            return {}["spoke"]
        case "name":
            return spoke
        case "attribute":
            return "".spoke
        case "import":
            import csv
        case "file":
            return open("/etc/passwd")
        case "recursion":
            return deeper(how)
        case "cause":
            try:
                return {}["spoke"]
            except KeyError as error:
                raise ValueError("no spoke") from error
        case "logged":
            try:
                return 1 // 0
            except ZeroDivisionError:
                logging.exception("caught")
        case "warned":
            warnings.warn("careful")


made = 0


@dataclass
class Wheel(Aggregate):
    Command = Turn | Store
    Event = Turned | Turn

    turns: int = 0

    def __post_init__(self):
        global made
        made += 1
        if made == FAILS_AT:
            fail("key")

    def handle(self, command):
        match command:
            case Turn(how):
                fail(how)
            case Store(how):
                return Turned(how)

    def apply(self, event):
        fail(event.how)
        self.turns += 1
"""


def needs_python():
    if shutil.which("python3") is None or subprocess.run(["python3", "-m", "pip", "--version"], capture_output=True, timeout=60).returncode != 0:
        pytest.skip("no usable python3 on this machine")


def build(folder, text):
    (folder / "wheel").mkdir(exist_ok=True)
    (folder / "wheel" / "wheel.py").write_text(text)
    return subprocess.run([BUILD / "bin" / "thalo", "build", folder / "wheel", "-o", folder / "modules"], capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    needs_python()
    folder = tmp_path_factory.mktemp("wheel")
    built = build(folder, WHEEL)
    assert built.returncode == 0, built.stderr
    with runtime(folder, "--module-cache-path", MODULE_CACHE, seconds=600) as server:
        yield server


@pytest.mark.parametrize(
    "how, error, message, said",
    [
        ("arithmetic", "ZeroDivisionError", "zero", f"wheel.py:{WHEEL[: WHEEL.index('1 // 0')].count(chr(10)) + 1} in fail"),
        ("key", "KeyError", "'spoke'", "KeyError: 'spoke'"),
        ("name", "NameError", "spoke", "in fail"),
        ("attribute", "AttributeError", "spoke", "in fail"),
        ("import", "ModuleNotFoundError", "import it at the top of a module", "in fail"),
        ("file", "FileNotFoundError", "an aggregate has no files", "in fail"),
        ("recursion", "RecursionError", "recursion", "more calls"),
        ("cause", "ValueError", "no spoke", "KeyError: 'spoke'"),
    ],
)
def test_what_raises_in_handle_fails_the_command_and_its_traceback_is_in_the_log(wheel, how, error, message, said):
    code, details = failure(lambda: wheel.execute("wheel", how, "Turn", json.dumps({"how": how})))
    assert code == grpc.StatusCode.FAILED_PRECONDITION, details
    assert f"'{error}': it is no Rejection but a mistake in the code" in details and message in details, details
    wheel.wait_for_log(f'stream="wheel-{how}"')
    [line] = [line for line in wheel.log if "handle of Turn raised" in line and f'stream="wheel-{how}"' in line]
    assert "wheel.py:" in line and said in line and f"{error}: " in line, line
    assert len(wheel.events(f"wheel-{how}")) == 0


@pytest.mark.parametrize("how, error", [("arithmetic", "ZeroDivisionError"), ("key", "KeyError"), ("recursion", "RecursionError")])
def test_what_raises_in_apply_is_said_and_its_traceback_is_in_the_log(wheel, how, error):
    code, details = failure(lambda: wheel.execute("wheel", f"apply-{how}", "Store", json.dumps({"how": how})))
    assert error in details, (code, details)
    wheel.wait_for_log(f'stream="wheel-apply-{how}"')
    assert any("apply of Turned raised" in line and f'stream="wheel-apply-{how}"' in line and f"{error}: " in line for line in wheel.log)


@pytest.mark.parametrize("how, text", [("logged", "caught"), ("warned", "careful")])
def test_an_exception_can_be_logged_and_a_warning_given(wheel, how, text):
    assert len(wheel.execute("wheel", how, "Turn", json.dumps({"how": how})).accepted.events) == 0
    wheel.wait_for_log(text)


def test_what_raises_in_init_fails_that_entity_and_no_other(tmp_path):
    needs_python()
    # The first instance's first entity is the second that is made: the first is made with the component.
    assert build(tmp_path, WHEEL.replace("FAILS_AT = 0", "FAILS_AT = 3")).returncode == 0
    with runtime(tmp_path, "--module-cache-path", MODULE_CACHE, "--shards", "1", seconds=600) as server:
        assert len(server.execute("wheel", "a", "Store", '{"how":"fine"}').accepted.events) == 1
        for command in ("Store", "Turn"):
            code, details = failure(lambda: server.execute("wheel", "b", command, '{"how":"fine"}'))
            assert code == grpc.StatusCode.FAILED_PRECONDITION and "__init__ raised KeyError: 'spoke'" in details, details
        server.wait_for_log("__init__ of Wheel raised")
        assert any("__init__ of Wheel raised" in line and "wheel.py:" in line and 'stream="wheel-b"' in line for line in server.log)
        assert len(server.execute("wheel", "a", "Store", '{"how":"fine"}').accepted.events) == 1
        assert len(server.execute("wheel", "c", "Store", '{"how":"fine"}').accepted.events) == 1


def test_after_all_of_them_the_aggregate_goes_on(wheel):
    assert len(wheel.execute("wheel", "fine", "Store", '{"how":"fine"}').accepted.events) == 1


@pytest.mark.parametrize(
    "text, said",
    [
        ("\ndef turn(:\n    pass\n", ["wheel.py:2: SyntaxError: invalid syntax", "def turn(:"]),
        ("import spokes\n" + WHEEL, ["wheel.py:1: ModuleNotFoundError: No module named 'spokes'", "pure-Python packages"]),
        (WHEEL.replace("@dataclass\nclass Turn:", "class Turn:"), ["wheel.py: TypeError: Wheel.Command: Turn is no dataclass"]),
        (WHEEL.replace("turns: int = 0", "turns: int"), ["wheel.py: TypeError: ", "'turns'"]),
        ("print('loading')\nspoke\n", ["wheel.py:2: NameError: name 'spoke' is not defined"]),
    ],
    ids=["syntax", "import", "no_dataclass", "no_default", "name"],
)
def test_what_keeps_a_module_from_being_loaded_is_said_with_its_place_and_nothing_else(text, said, tmp_path):
    needs_python()
    built = build(tmp_path, text)
    assert built.returncode == 1 and "cannot be loaded" in built.stderr, built.stderr
    for words in said:
        assert words in built.stderr, built.stderr
    assert len(built.stderr.splitlines()) < 8 and not (tmp_path / "modules").exists(), built.stderr


def test_a_module_may_print_while_it_is_loaded(tmp_path):
    needs_python()
    built = build(tmp_path, "print('loading')\n" + WHEEL)
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("name", ["class", "json", "random", "thalo", "aggregate"])
def test_a_name_that_python_cannot_import_is_refused(name, tmp_path):
    made = thalo("new", name, "--lang", "python", cwd=tmp_path)
    assert made.returncode == 1 and f"'{name}'" in made.stderr and "use another" in made.stderr, made.stderr
    assert not (tmp_path / name).exists()
    assert thalo("new", f"my_{name}", "--lang", "python", cwd=tmp_path).returncode == 0
