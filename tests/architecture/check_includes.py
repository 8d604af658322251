"""Fails when a source file includes across the dependency table of ARCHITECTURE.md.

usage: check_includes.py ROOT
"""

import re
import sys
from pathlib import Path

ROW = re.compile(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|([^|]*)\|$")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def read_table(architecture):
    """folder -> (folders it may include, libraries that only it includes)"""
    table = {}
    for line in architecture.splitlines():
        if row := ROW.match(line):
            folder, may, only = row.groups()
            names = [name.strip() for name in may.split(",") if name.strip() not in ("–", "")]
            table[folder] = (names, [name.strip() for name in only.split(",") if name.strip()])
    return table


def closure(table, folder):
    allowed, todo = {folder}, list(table[folder][0])
    while todo:
        name = todo.pop()
        if name not in allowed:
            allowed.add(name)
            todo += table[name][0]
    return allowed


def violations(root):
    table = read_table((root / "ARCHITECTURE.md").read_text())
    found = []
    for folder in sorted(p.name for p in (root / "src").iterdir() if p.is_dir()):
        if folder not in table:
            found.append(f"src/{folder} is not in the table of ARCHITECTURE.md")
            continue
        allowed = closure(table, folder)
        for file in sorted((root / "src" / folder).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            for quote, path in INCLUDE.findall(file.read_text()):
                first = path.split("/")[0]
                where = f"{file.relative_to(root)} includes {path}"
                if quote == '"' and first in table and first not in allowed:
                    found.append(f"{where}, but {folder} may include only {', '.join(sorted(allowed))}")
                for owner, (_, libraries) in table.items():
                    for library in libraries:
                        if owner != folder and re.match(rf"{library}\b", path.replace("toml++", "tomlplusplus")):
                            found.append(f"{where}, but only {owner} may include {library}")
    return found


if __name__ == "__main__":
    problems = violations(Path(sys.argv[1]))
    print("\n".join(problems) if problems else "every include is in the table")
    sys.exit(1 if problems else 0)
