"""What `cmake --install` puts on a machine is enough to write, test, build and serve an aggregate."""

import json
import os
import re
import sqlite3
import subprocess
import time

from harness import BUILD, ROOT, add_module, runtime

PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(shop LANGUAGES CXX)
find_package(thalo 0.9 REQUIRED)
thalo_aggregate(counter SOURCE %s)
enable_testing()
add_executable(rules rules.cc)
target_link_libraries(rules PRIVATE thalo::sdk)
add_test(NAME rules COMMAND rules)
"""

RULES = """
#include "%s/counter.cc"
#include <thalo/testing.h>
int main() { thalo::testing::given<Counter>({}).when(Increment{5}).then(Incremented{5}); }
"""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_thalo_is_a_cmake_package(tmp_path):
    prefix = tmp_path / "prefix"
    run("cmake", "--install", BUILD, "--prefix", prefix)
    for file in ("bin/thalo-runtime", "share/man/man1/thalo.1", "share/man/man1/thalo-runtime.1", "include/thalo/aggregate.h"):
        assert (prefix / file).stat().st_size > 0
    assert "thalo" in (prefix / "share/bash-completion/completions/thalo").read_text()
    assert (prefix / "share/zsh/site-functions/_thalo").read_text().startswith("#compdef thalo")
    assert "complete" in (prefix / "share/fish/vendor_completions.d/thalo.fish").read_text()

    project = tmp_path / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(PROJECT % (ROOT / "examples" / "counter"))
    (project / "rules.cc").write_text(RULES % (ROOT / "examples" / "counter"))
    run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", project / "build")
    run("ctest", "--test-dir", project / "build", "--no-tests=error")
    assert os.path.getsize(project / "build" / "modules" / "counter.wasm") > 10_000


def test_the_installed_documents_find_each_other(tmp_path):
    run("cmake", "--install", BUILD, "--prefix", tmp_path)
    documents = tmp_path / "share/doc/thalo"
    assert (documents / "docs/guide/README.md").exists() and (documents / "reference/api.md").exists()
    missing = []
    for page in documents.rglob("*.md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
            if not link.startswith("http") and not (page.parent / link).exists():
                missing.append(f"{page.relative_to(documents)}: {link}")
    assert missing == []


FOLLOWER = """
cmake_minimum_required(VERSION 3.20)
project(follower LANGUAGES CXX)
find_package(thalo 0.9 REQUIRED COMPONENTS client)
find_package(SQLite3 REQUIRED)
add_executable(counts counts.cc)
target_link_libraries(counts PRIVATE thalo::client nlohmann_json::nlohmann_json SQLite::SQLite3)
"""


def test_the_installed_client_library_is_enough_for_a_projection(tmp_path):
    prefix = tmp_path / "prefix"
    run("cmake", "--install", BUILD, "--prefix", prefix)
    project = tmp_path / "project"
    project.mkdir()
    # A copy, so that nothing but what is installed can be found.
    (project / "counts.cc").write_text((ROOT / "examples" / "projection" / "counts.cc").read_text())
    (project / "CMakeLists.txt").write_text(FOLLOWER)
    run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", project / "build")

    add_module(tmp_path)
    with runtime(tmp_path) as server:
        for amount in (2, 3):
            server.execute("counter", "ann", "Increment", json.dumps({"amount": amount}))
        follower = subprocess.Popen([project / "build" / "counts", tmp_path / "counts.db", f"http://{server.target}"])
        try:
            end = time.monotonic() + 60
            while (counts := table(tmp_path / "counts.db")) != {"counter-ann": 5}:
                assert follower.poll() is None and time.monotonic() < end, counts
                time.sleep(0.05)
        finally:
            follower.kill()
            follower.wait()


def table(database):
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return dict(connection.execute("SELECT counter, count FROM counts"))
    except sqlite3.OperationalError:  # the program has not made it yet
        return {}
