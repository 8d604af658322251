"""The include check finds what it promises to find, and the tree has none of it."""

from pathlib import Path

from check_includes import violations

TABLE = """
| `base` | x | – | spdlog |
| `store` | x | base | rocksdb |
| `wasm` | x | base | wasmtime |
"""


def tree(tmp_path, file, text):
    (tmp_path / "ARCHITECTURE.md").write_text(TABLE)
    for folder in ("base", "store", "wasm"):
        (tmp_path / "src" / folder).mkdir(parents=True)
    (tmp_path / file).write_text(text)
    return violations(tmp_path)


def test_allowed_includes_pass(tmp_path):
    assert tree(tmp_path, "src/store/a.cc", '#include "store/a.h"\n#include "base/b.h"\n#include <rocksdb/db.h>\n') == []


def test_include_across_the_table_is_found(tmp_path):
    assert "src/store/a.cc includes wasm/engine.h" in tree(tmp_path, "src/store/a.cc", '#include "wasm/engine.h"\n')[0]


def test_foreign_library_is_found(tmp_path):
    assert "only wasm may include wasmtime" in tree(tmp_path, "src/store/a.cc", "#include <wasmtime.h>\n")[0]


def test_unknown_folder_is_found(tmp_path):
    (tmp_path / "src" / "misc").mkdir(parents=True)
    assert "src/misc is not in the table" in tree(tmp_path, "src/base/a.cc", "")[0]


def test_this_tree():
    assert violations(Path(__file__).parents[2]) == []
