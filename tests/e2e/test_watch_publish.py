"""`thalo build --watch --publish`: a saved source is served from the next command on, in every language.

A language whose tools are not on the machine is skipped, which the report shows.
"""

import re
import shutil
import signal
import subprocess

import pytest
from harness import BUILD, CLI, ROOT, Runtime, free_port, runtime, thalo

MODULE_CACHE = BUILD / "module-cache"

# The source of `thalo new shop`, and the tool it needs.
LANGUAGES = {
    "cpp": ("shop.cc", "python3"),
    "c": ("shop.c", "python3"),
    "rust": ("src/lib.rs", "cargo"),
    "go": ("shop.go", "go"),
    "typescript": ("shop.ts", "npm"),
    "javascript": ("shop.js", "npm"),
    "python": ("shop.py", "python3"),
}


class Watch:
    """`thalo build --watch --publish`, its lines as they come."""

    def __init__(self, folder, url, *flags):
        self.process = subprocess.Popen(
            [CLI, "build", "shop", "--watch", "--publish", "--url", url, *flags], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )

    def until(self, text):
        """The lines up to the one with `text`."""
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if re.search(text, line):
                return "".join(seen)
        if "no Rust for WebAssembly was found" in "".join(seen):
            pytest.skip("no Rust for WebAssembly")
        raise AssertionError(f"ended without {text!r}: {''.join(seen)}")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0


def stored(server, id):
    return [event.type for event in server.execute("shop", id, "OpenShop", '{"title":"x"}').accepted.events]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_saved_source_is_served_and_a_broken_one_leaves_what_is(language, tmp_path):
    name, tool = LANGUAGES[language]
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on this machine")
    assert thalo("new", "shop", "--lang", language, cwd=tmp_path).returncode == 0
    if language == "rust":
        shutil.copy(ROOT / "examples" / "rust" / "Cargo.lock", tmp_path / "shop")
    source = tmp_path / "shop" / name
    good = source.read_text()
    # The server's own modules are elsewhere: what it serves, it was sent.
    with runtime(tmp_path / "server", "--module-cache-path", MODULE_CACHE) as server:
        watch = Watch(tmp_path, f"http://{server.target}")
        try:
            assert "Built modules/shop.wasm (" in watch.until("Published shop version 1 .*; it serves shop")
            assert stored(server, "one") == ["ShopOpened"]
            source.write_text(good.replace("ShopOpened", "ShopWasOpened"))
            watch.until("Published shop version 2 ")
            assert stored(server, "two") == ["ShopWasOpened"]
            # As an editor saves that a newcomer types in.
            source.write_text(good.replace("ShopOpened", "ShopBroken").replace("{", "{{{ )", 3).replace("class ", "class class "))
            wrong = watch.until("Waiting for changes")
            wrong += watch.until("Waiting for changes") if "error: " not in wrong else ""
            assert "error: " in wrong and "Published" not in wrong, wrong
            assert stored(server, "three") == ["ShopWasOpened"]
            source.write_text(good)
            watch.until("Published shop version 3 ")
            assert stored(server, "four") == ["ShopOpened"]
            watch.end()
        finally:
            watch.process.kill()


def test_a_server_that_is_not_there_yet_is_told_and_tried_again(tmp_path):
    port = free_port()
    assert thalo("new", "shop", "--lang", "c", cwd=tmp_path).returncode == 0
    watch = Watch(tmp_path, f"http://127.0.0.1:{port}")
    server = None
    try:
        away = watch.until("publishing is tried again in 1 s")
        assert f"error: not published to http://127.0.0.1:{port}: " in away and "UNAVAILABLE, retryable" in away
        watch.until("publishing is tried again in 2 s")
        server = Runtime(tmp_path / "server", "--addr", f"127.0.0.1:{port}")
        watch.until("Published shop version 1 ")
        assert stored(server, "one") == ["ShopOpened"]
        watch.end()
    finally:
        watch.process.kill()
        if server:
            server.kill()


def test_publish_without_watch_says_whether_it_went_well(tmp_path):
    assert thalo("new", "shop", "--lang", "c", cwd=tmp_path).returncode == 0
    nowhere = thalo("build", "shop", "--publish", "--url", f"http://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert nowhere.returncode == 1 and "Built modules/shop.wasm (" in nowhere.stdout and "not published to" in nowhere.stderr
    with runtime(tmp_path / "server") as server:
        sent = thalo("build", "shop", "--publish", "--url", f"http://{server.target}", "--json", cwd=tmp_path)
        assert sent.returncode == 0 and '{"published":"shop","version":1,"digest":"' in sent.stdout, sent.stderr
        refused = thalo("build", "shop", "--publish", "--check", cwd=tmp_path)
        assert refused.returncode == 2 and "--publish" in refused.stderr
