"""Aggregates in every language: made, tested natively, built, served, executed.

A language whose tools are not on the machine is skipped, which the report shows. What `thalo build` installs for itself
stays in Thalo's cache, compiled modules in the build folder, so that only the first run takes long.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from harness import BUILD, ROOT, runtime, thalo

MODULE_CACHE = BUILD / "module-cache"
PATH = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
MOST = 2**64 - 1


@dataclass
class Language:
    name: str
    tools: list[list[str]]  # commands that must run
    files: list[str]  # what `thalo new shop` makes
    test: list[str]  # the commands that test it natively, from the folder that has it in it
    rule: tuple[str, str]  # a rule in the template, and its contrary
    signature: str  # of the handler in the template
    shared: list[tuple[str, str]]  # makes the answer depend on a variable that all entities share
    examples: list[str] = field(default_factory=lambda: ["counter", "bank_account", "todos"])

    def sources(self, aggregate):
        return ROOT / "examples" / self.name / aggregate


LANGUAGES = [
    Language(
        "c",
        [["cc", "--version"]],
        [".gitignore", "README.md", "shop.c", "shop_test.c"],
        ['cc -std=c11 -Wall -Wextra -isystem "$(thalo sdk-path --lang c)/include" shop/shop_test.c -lm -o shop/shop_test.out && shop/shop_test.out'],
        ("if (!self->open)", "if (self->open)"),
        "handle(const void *state, const thalo_message *command",
        [("static void handle(", "static int opened;\nstatic void handle("), ('answer, "ShopOpened"', 'answer, opened++ ? "ShopClosed" : "ShopOpened"')],
    ),
    Language(
        "typescript",
        [["node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"], ["npm", "--version"]],
        [".gitignore", "README.md", "package.json", "shop.test.ts", "shop.ts", "tsconfig.json"],
        ["npm --prefix shop test"],
        ("if (!this.open)", "if (this.open)"),
        "handle(command: Command): Event {",
        [("export default class", "let opened = 0;\nexport default class"), ("title: command.title }", "title: command.title + opened++ }")],
    ),
    Language(
        "javascript",
        [["node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"], ["npm", "--version"]],
        [".gitignore", "README.md", "package.json", "shop.js", "shop.test.js"],
        ["npm --prefix shop test"],
        ("if (!this.open)", "if (this.open)"),
        "handle(command) {",
        [("export default class", "let opened = 0;\nexport default class"), ("title: command.title }", "title: command.title + opened++ }")],
    ),
    Language(
        "go",
        [["go", "version"]],
        [".gitignore", "README.md", "go.mod", "shop.go", "shop_test.go"],
        ['rm -f shop/go.work && go -C shop work init . "$(thalo sdk-path --lang go)"', "go -C shop test ./..."],
        ("if !a.Open {", "if a.Open {"),
        "Handle(command thalo.Command",
        [("func main() {}", 'var titles string\n\nfunc next() string { titles += "x"; return titles }\n\nfunc main() {}'), ("ShopOpened{command.Title}", "ShopOpened{command.Title + next()}")],
    ),
    Language(
        "python",
        [["python3", "-m", "pip", "--version"]],
        [".gitignore", "README.md", "shop.py", "test_shop.py"],
        ['PYTHONPATH="$(thalo sdk-path --lang python)" python3 -m pytest shop'],
        ("if not self.open:", "if self.open:"),
        "def handle(self, command: Command)",
        [("# Commands:", "titles = []\n\n# Commands:"), ("return ShopOpened(title)", "titles.append(title)\n                return ShopOpened(str(len(titles)))")],
    ),
]


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name, scope="module")
def language(request):
    for command in request.param.tools:
        if shutil.which(command[0]) is None or subprocess.run(command, capture_output=True, timeout=60).returncode != 0:
            pytest.skip(f"{request.param.name}: no usable {command[0]} on this machine")
    return request.param


def run(command, folder):
    environment = {**PATH, "PYTHONDONTWRITEBYTECODE": "1"}
    # The tests' own Python has pytest.
    environment["PATH"] = f"{BUILD}/bin:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    return subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def build(source, output, *flags):
    """`thalo build`, with the time that a first installation of tools may take."""
    return subprocess.run([BUILD / "bin" / "thalo", "build", source, "-o", output, *flags], capture_output=True, text=True, timeout=900)


def serving(folder):
    return runtime(folder, "--module-cache-path", MODULE_CACHE, seconds=600)


def test_a_new_aggregate_builds_passes_its_test_and_serves(language, tmp_path):
    made = thalo("new", "shop", "--lang", language.name, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(os.listdir(tmp_path / "shop")) == language.files
    if "package.json" in language.files:
        # The examples are tested here too, where npm has put what they need.
        for aggregate in language.examples:
            shutil.copytree(language.sources(aggregate), tmp_path / "shop", dirs_exist_ok=True)
    readme = (tmp_path / "shop" / "README.md").read_text()
    for command in language.test:
        assert f"    {command}\n" in readme
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr

    built = build(tmp_path / "shop", tmp_path / "modules")
    assert built.returncode == 0, built.stderr
    with serving(tmp_path) as server:
        done = server.thalo("execute", "shop", "one", "OpenShop", '{"title":"hello ünï"}')
        assert done.stdout == 'Executed with 1 event:\n    ShopOpened  {"title":"hello ünï"}\n'
        refused = server.thalo("execute", "shop", "one", "OpenShop", '{"title":"again"}')
        assert refused.returncode == 3 and '{"type":"ShopAlreadyOpen","title":"hello ünï"}' in refused.stderr
        assert server.thalo("execute", "shop", "one", "CloseShop").returncode == 0

    # The test is worth something: a broken rule fails it.
    [source] = [tmp_path / "shop" / name for name in language.files if re.fullmatch(r"shop\.\w+", name)]
    rule, contrary = language.rule
    text = source.read_text()
    assert rule in text
    source.write_text(text.replace(rule, contrary))
    broken = run(language.test[-1], tmp_path)
    assert broken.returncode != 0 and "ShopNotOpen" in broken.stdout + broken.stderr


def test_what_does_not_compile_is_said_by_the_tool_and_leaves_no_module(language, tmp_path):
    thalo("new", "shop", "--lang", language.name, cwd=tmp_path)
    [source] = [tmp_path / "shop" / name for name in language.files if re.fullmatch(r"shop\.\w+", name)]
    text = source.read_text()
    assert language.signature in text
    source.write_text(text.replace(language.signature, language.signature.replace("command", "1 command", 1)))
    built = build(tmp_path / "shop", tmp_path / "modules")
    assert built.returncode == 1 and "error: " in built.stderr, built.stderr
    assert source.name in built.stderr
    assert not (tmp_path / "modules").exists()


def test_the_check_passes_the_template_and_fails_on_a_variable_that_all_entities_share(language, tmp_path):
    thalo("new", "shop", "--lang", language.name, cwd=tmp_path)
    flags = ("--check", "--check-command", 'OpenShop {"title":"x"}')
    checked = build(tmp_path / "shop", tmp_path / "modules", *flags)
    assert checked.returncode == 0 and 'ShopOpened {"title":"x"}' in checked.stdout, checked.stdout + checked.stderr
    # The tools of JavaScript and Python export the interpreter's start beside it.
    assert re.search(r"exports  .*thalo:aggregate/aggregate@1\.0\.0\n", checked.stdout) and re.search(r"digest   [0-9a-f]{64}\n", checked.stdout)
    assert re.search(r"imports  (nothing|thalo:aggregate/log@1\.0\.0)\n", checked.stdout)
    [source] = [tmp_path / "shop" / name for name in language.files if re.fullmatch(r"shop\.\w+", name)]
    text = source.read_text()
    for before, after in language.shared:
        assert before in text
        text = text.replace(before, after, 1)
    source.write_text(text)
    failed = build(tmp_path / "shop", tmp_path / "modules", *flags)
    assert failed.returncode == 1 and "depends on what its instance has done for other entities" in failed.stderr, failed.stderr
    assert not (tmp_path / "modules").exists()


OTHER_WORLD = """/* THALO_EXPORT( is not here */
__attribute__((export_name("thalo:aggregate/aggregate@1.0.0#[constructor]entity"))) int entity(char *id, int size) {
  (void)id;
  return size;
}
"""
CLOCK = """
__attribute__((import_module("host"), import_name("clock"))) unsigned long long host_clock(void);
__attribute__((export_name("now"))) unsigned long long now(void) { return host_clock(); }
"""


def test_the_check_refuses_another_world_and_an_import_from_outside(tmp_path):
    assert thalo("new", "shop", "--lang", "c", cwd=tmp_path).returncode == 0
    flags = ("--check", "--check-command", 'OpenShop {"title":"x"}')
    checked = build(tmp_path / "shop", tmp_path / "modules", *flags)
    if "NOT_FOUND" in checked.stderr:
        pytest.skip("no C compiler for WebAssembly on this machine")
    assert checked.returncode == 0, checked.stderr
    source = tmp_path / "shop" / "shop.c"
    good = source.read_text()
    for text, reason in ((OTHER_WORLD, "thalo:aggregate/aggregate@1.0.0"), (good + CLOCK, "host")):
        source.write_text(text)
        refused = build(tmp_path / "shop", tmp_path / "modules", *flags)
        assert refused.returncode == 1 and refused.stdout == "", refused.stdout
        assert "error: " in refused.stderr and reason in refused.stderr, refused.stderr
    assert not (tmp_path / "modules").exists()


@pytest.mark.parametrize(
    "name, advice",
    [
        ("cpp", "wasi-sdk"),
        ("c", "wasi-sdk"),
        ("rust", "rustup target add wasm32-unknown-unknown"),
        ("go", "Go 1.24 or newer"),
        ("javascript", "Node.js 20"),
        ("typescript", "Node.js 20"),
        ("python", "apt-get install python3"),
    ],
)
def test_without_its_tools_each_language_says_what_to_install(name, advice, tmp_path):
    assert thalo("new", "shop", "--lang", name, cwd=tmp_path).returncode == 0
    (tmp_path / "empty").mkdir()
    # A cache of its own: what was found out about a compiler before would hide that it is gone.
    environment = {"PATH": str(tmp_path / "empty"), "THALO_CACHE": str(tmp_path / "cache"), "THALO_PYTHON": "", "WASI_SDK_PATH": str(tmp_path / "empty")}
    done = thalo("build", "shop", cwd=tmp_path, env=environment)
    assert done.returncode == 1 and "NOT_FOUND" in done.stderr and advice in done.stderr, done.stderr
    assert "install" in done.stderr and not (tmp_path / "modules").exists()


@pytest.fixture(scope="module")
def counter(language, tmp_path_factory):
    """The counter of a language, served."""
    folder = tmp_path_factory.mktemp(language.name)
    built = build(language.sources("counter"), folder / "modules")
    assert built.returncode == 0, built.stderr
    with serving(folder) as server:
        yield server


def refusal(server, *command):
    return json.loads(server.execute(*command).rejected.error)


def test_the_counter_of_each_language_counts_exactly(counter):
    server = counter
    a = ("counter", "a")
    for payload in ('{"amount":9007199254740993}', f'{{"amount":{MOST - 9007199254740993}}}'):
        event = server.execute(*a, "Increment", payload).accepted.events[0]
        assert (event.type, event.data) == ("Incremented", payload)
    assert refusal(server, *a, "Increment", '{"amount":1}') == {"type": "Overflow", "count": MOST, "amount": 1}
    server.execute(*a, "Decrement", '{"amount":9007199254740991}')
    assert refusal(server, *a, "Decrement", f'{{"amount":{MOST}}}') == {"type": "BelowZero", "count": MOST - 2**53 + 1, "amount": MOST}
    assert server.execute(*a, "Reset").accepted.events[0].data == f'{{"from":{MOST - 2**53 + 1}}}'
    assert len(server.execute(*a, "Reset").accepted.events) == 0
    for payload, field_name in (('{"amount":"1"}', "amount"), ('{"amount":1.5}', "amount"), ('{"amount":-1}', "amount"), ("{}", "amount"), ("[]", "payload")):
        wrong = server.thalo("execute", *a, "Increment", payload)
        assert wrong.returncode == 1 and "INVALID_ARGUMENT" in wrong.stderr and field_name in wrong.stderr, wrong.stderr
    unknown = server.thalo("execute", *a, "Explode", "{}")
    assert "unknown command; known are" in unknown.stderr and "Decrement" in unknown.stderr
    assert [event.type for event in server.events("counter-a")] == ["Incremented", "Incremented", "Decremented", "WasReset"]
