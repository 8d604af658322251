"""Every file and every command of docs/guide, and of the README that comes with the C headers, is what a reader gets.

A fenced block with a path after its language is a file. A `console` block is commands, each behind "$ ", with the output that follows; "…" stands for
any text on a line, or, alone on a line, for any lines. A `diff` block changes a file: what its lines took away is replaced by
what they add, at each place that an "@@" begins. A page of a language whose tool is not on this machine is skipped, which the report shows. One folder and one
shell's environment per page; `thalo-runtime &` starts a server that the page's later commands talk to.

A page that shows files in several languages is read once for each of them, by a reader who made the aggregates with `thalo new`.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from harness import BUILD, ROOT, runtime  # noqa: E402

GUIDE = ROOT / "docs" / "guide"
# What is installed with the headers is all that some readers have.
PAGES = {**{page.stem: page for page in sorted(GUIDE.glob("*.md"))}, "sdk-c": ROOT / "sdk" / "c" / "README.md"}
BLOCK = re.compile(r"^```(\S*)[ ]?(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)


def blocks(page):
    return [(language, path.strip(), text) for language, path, text in BLOCK.findall(page.read_text())]


def commands(text):
    """[(command, expected output)]"""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    return [tuple(part.split("\n", 1)) for part in parts[1:]]


def matches(expected, output):
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", expected))
    pattern = re.sub(r"(?m)^\.\*\\?\n", r"(?:.*\n)*", pattern)
    return re.fullmatch(pattern, output) is not None


class Reader:
    """Types what the page says."""

    def __init__(self, folder):
        self.folder = folder
        self.server = None
        self.serving = None
        self.background = []

    def environment(self):
        url = {"THALO_URL": f"http://{self.server.target}"} if self.server else {}
        # The tests' own Python has pytest. What cargo compiles for native tests is the same for every run.
        path = f"{BUILD}/bin:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
        target = str(Path.home() / ".cache" / "thalo" / "rust" / "native")
        own = {"NO_COLOR": "1", "CARGO_TARGET_DIR": target, "PYTHONDONTWRITEBYTECODE": "1", "THALO_PROTO": str(ROOT / "proto")}
        return {**os.environ, "PATH": path, **own, **url}

    def start_runtime(self, flags):
        self.serving = runtime(self.folder, *flags, seconds=600)  # the first load of a heavy module compiles it
        self.server = self.serving.__enter__()

    def type(self, command, expected):
        if started := re.fullmatch(r"thalo-runtime ?(.*?) ?&", command):
            return self.start_runtime(started[1].split())
        if command == "kill -9 %1":
            return self.server.kill()
        if command.endswith(" &"):
            self.background.append(subprocess.Popen(command[:-2].split(), cwd=self.folder, env=self.environment()))
            return self.wait_for_projection()
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
        output = done.stdout
        if "no Rust for WebAssembly was found" in output:
            pytest.skip(output)
        assert matches(expected, output), f"$ {command}\n{output}\nbut the page says\n{expected}"

    def make(self, path, text, language):
        """An aggregate of the page, in a folder that `thalo new` makes."""
        folder = path.split("/")[0]
        if "/" in path and not (self.folder / folder).exists():
            self.type(f"thalo new {folder} --lang {language}", "…\n")
        write(self.folder / path, text)

    def wait_for_projection(self):
        """A program in the background is a projection; a reader takes longer to type than it to join."""
        for _ in range(600):
            listed = subprocess.run(["thalo", "projections", "--json"], env=self.environment(), capture_output=True, text=True, timeout=60)
            if listed.stdout.count('"members":[{') >= len(self.background):
                return
            time.sleep(0.05)
        raise AssertionError("no projection has joined")

    def close(self):
        for process in self.background:
            process.kill()
            process.wait()
        if self.serving:
            self.serving.__exit__(None, None, None)


def readings():
    """[(page, language)]: a page with files in several languages is read in each."""
    for name, page in PAGES.items():
        known = {language_of(path) for _, path, _ in blocks(page)} - {None}
        own = name.removeprefix("first-aggregate-").removeprefix("sdk-")
        for language in sorted(known) if name in CONTINUED and known else [own if own in TOOLS else "cpp"]:
            yield pytest.param(name, language, id=name if own == language else f"{name}-{language}")


def language_of(path):
    """That of an aggregate's file; None: it is for all."""
    return LANGUAGES.get(Path(path).suffix) if "/" in path else None


LANGUAGES = {".cc": "cpp", ".rs": "rust", ".ts": "typescript", ".go": "go", ".py": "python", ".c": "c"}
TOOLS = {"cpp": [], "rust": ["cargo"], "go": ["go"], "typescript": ["node", "npm"], "python": ["python3"], "c": ["cc"]}
CONTINUED = {"running", "testing", "commands-and-errors", "projections", "changing-events", "deploying", "limits-and-determinism"}


@pytest.mark.parametrize(("name", "language"), list(readings()))
def test_what_the_page_says_is_what_happens(name, language, tmp_path):
    for tool in TOOLS[language]:
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine")
    reader = Reader(tmp_path)
    try:
        # Pages go on with the aggregate of the first one.
        if name in CONTINUED:
            first = blocks(GUIDE / f"first-aggregate-{language}.md")
            reader.make(*next((path, text) for kind, path, text in first if path and kind != "diff"), language)
        for kind, path, text in blocks(PAGES[name]):
            if kind == "console":
                for command, expected in commands(text):
                    reader.type(command, expected)
            elif name in CONTINUED and language_of(path) not in (language, None):
                continue  # shown for the readers of another language
            elif kind == "diff":
                change(tmp_path / path, text)
            elif path and name in CONTINUED:
                reader.make(path, text, language)
            elif path:
                write(tmp_path / path, text)
    finally:
        reader.close()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def change(path, text):
    for part in re.split(r"^@@\n", text, flags=re.MULTILINE):
        lines = part.splitlines(keepends=True)
        assert all(line[0] in " -+" for line in lines), text
        before, after = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        content = path.read_text()
        assert before and content.count(before) == 1, f"{path.name} does not have once what the page changes:\n{before}"
        path.write_text(content.replace(before, after))


def test_links_lead_somewhere():
    for page in GUIDE.glob("*.md"):
        text = re.sub("`[^`\n]+`", "", BLOCK.sub("", page.read_text()))  # code has brackets of its own
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_reference_names_everything_there_is():
    text = {page.stem: page.read_text() for page in (BUILD / "reference").glob("*.md")}
    services = "".join(path.read_text() for path in (ROOT / "proto/thalo/v1").glob("*.proto"))
    calls = re.findall(r"rpc (\w+)\(", services)
    assert len(calls) > 20 and all(f"**{call}**" in text["api"] for call in calls)
    assert "#### " not in text["api"] and "ExecuteRequest" in text["api"]
    assert "## thalo execute\n" in text["command-line"] and "--expected-version" in text["command-line"]
    assert "--shards" in text["settings"] and "THALO_SHARDS" in text["settings"]
    assert "snapshot-format: func()" in text["guest-contract"]


def test_a_wrong_page_is_noticed():
    assert matches("a …\n", "a b\n") and not matches("a …\n", "b\n")
    assert matches("…\nlast\n", "one\ntwo\nlast\n") and not matches("…\nlast\n", "one\nlast\nmore\n")
    with pytest.raises(AssertionError):
        change(ROOT / "README.md", "-no such line\n")
    assert commands("$ a b\nc\n$ d\n") == [("a b", "c\n"), ("d", "")]
