"""What `cmake --install` puts on a machine is enough to write, test, build and serve an aggregate."""

import os
import subprocess

from harness import BUILD, ROOT

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
