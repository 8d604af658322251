"""What the guide says a language cannot is what languages.txt excuses it from."""

import re

from pathlib import Path

HERE = Path(__file__).parent
GUIDE = HERE.parents[2] / "docs" / "guide" / "languages.md"
TITLES = {"cpp": "C++", "rust": "Rust", "c": "C", "typescript": "TypeScript", "javascript": "JavaScript", "go": "Go", "python": "Python"}


def excused(text):
    """{language: ["AGGREGATE: SCENARIO (REASON)"]}"""
    languages = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith(" "):
            languages[name].append(line.strip().removeprefix("skip "))
        else:
            name = line.split()[0]
            languages[name] = []
    return languages


def told(page):
    """The same from the table, whose cells have one excuse behind the other, with <br> between."""
    [table] = re.findall(r"^\| language \| cannot \|\n\|---\|---\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
    assert len(rows) == table.count("\n"), table
    return {title: [] if cell == "–" else cell.split("<br>") for title, cell in rows}


def test_the_guide_tells_every_excuse_and_no_other():
    excuses = excused((HERE / "languages.txt").read_text())
    assert excuses.keys() == TITLES.keys(), "a language without its title here"
    assert told(GUIDE.read_text()) == {TITLES[name]: found for name, found in excuses.items()}


def test_an_excuse_is_read_in_both_forms():
    assert excused("# a comment\nc examples/c\n  skip counter: a long past (too slow)\n  skip todos: x (y)\n") == {"c": ["counter: a long past (too slow)", "todos: x (y)"]}
    table = "| language | cannot |\n|---|---|\n| C | counter: a long past (too slow)<br>todos: x (y) |\n| Go | – |\n"
    assert told(table) == {"C": ["counter: a long past (too slow)", "todos: x (y)"], "Go": []}
