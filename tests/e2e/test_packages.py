"""The SDKs as the packages of their registries: packed, and from the packed file used in a project that knows nothing of this folder.

Skipped where a language's tool is not installed.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from harness import ROOT

SDK = ROOT / "sdk"
EXAMPLES = ROOT / "examples"


def run(*command, cwd, **environment):
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on this machine")
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=800, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_npm_package_is_all_that_a_project_needs(tmp_path):
    run("npm", "pack", SDK / "javascript", "--pack-destination", tmp_path, cwd=tmp_path)
    [package] = tmp_path.glob("thalo-aggregate-*.tgz")
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "javascript" / "bank_account", project)
    (project / "package.json").write_text('{"type":"module","private":true}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", package, cwd=project)
    assert not (project / "node_modules" / "@thalo" / "aggregate").is_symlink()
    assert "# pass 5" in run("node", "--test", cwd=project)
    assert (project / "node_modules" / "@thalo" / "aggregate" / "src" / "index.d.ts").is_file()


def test_the_wheel_is_all_that_a_project_needs(tmp_path):
    shutil.copytree(SDK / "python", tmp_path / "sdk", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "sdk", cwd=tmp_path)
    [wheel] = tmp_path.glob("thalo-*.whl")
    shutil.rmtree(tmp_path / "sdk")
    packages = tmp_path / "packages"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target", packages, wheel, cwd=tmp_path)
    assert (packages / "thalo" / "py.typed").is_file()
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "python" / "bank_account", project, ignore=shutil.ignore_patterns("__pycache__"))
    tested = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", cwd=project, PYTHONPATH=str(packages))
    assert " passed" in tested


def test_the_crates_are_all_that_a_project_needs(tmp_path):
    target = Path.home() / ".cache" / "thalo" / "rust" / "native"
    packing = ["cargo", "package", "--workspace", "--no-verify", "--allow-dirty", "--target-dir", tmp_path / "packed"]
    run(*packing, "--manifest-path", SDK / "rust" / "Cargo.toml", cwd=tmp_path)
    for crate in (tmp_path / "packed" / "package").glob("*.crate"):
        with tarfile.open(crate) as archive:
            archive.extractall(tmp_path / "crates", filter="data")
    names = {folder.name.rsplit("-", 1)[0]: folder for folder in (tmp_path / "crates").iterdir()}
    assert set(names) == {"thalo", "thalo_derive"}
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "rust" / "counter", project, ignore=shutil.ignore_patterns("target"))
    shutil.copy(EXAMPLES / "rust" / "Cargo.lock", project)
    patches = "".join(f'{name} = {{ path = "{folder}" }}\n' for name, folder in names.items())
    (project / "Cargo.toml").write_text(
        '[package]\nname = "counter"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nserde = { version = "1", features = ["derive"] }\n'
        f'thalo = "0.9"\n\n[workspace]\n\n[patch.crates-io]\n{patches}'
    )
    tested = run("cargo", "test", "--manifest-path", project / "Cargo.toml", cwd=tmp_path, CARGO_TARGET_DIR=str(target))
    assert "test result: ok. 4 passed" in tested


def test_the_go_module_is_used_through_a_replace(tmp_path):
    """Its path has no domain, so that no registry can be asked for it: it comes with the program."""
    if shutil.which("go") is None:
        pytest.skip("no go on this machine")
    shutil.copytree(EXAMPLES / "go" / "bank_account", tmp_path / "project")
    shutil.copytree(SDK / "go", tmp_path / "sdk")
    project = tmp_path / "project"
    run("go", "mod", "edit", "-replace", f"thalo={tmp_path / 'sdk'}", cwd=project)
    run("go", "mod", "tidy", cwd=project, GOWORK="off", GOFLAGS="-mod=mod")
    assert run("go", "test", "./...", cwd=project, GOWORK="off").startswith("ok")
