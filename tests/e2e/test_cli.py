"""The command line beyond execute and events."""

import json
import signal
import subprocess
import time

from harness import CLI, add_module, runtime, thalo


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def fill(server, count=20):
    for i in range(count):
        server.execute("counter", str(i % 4), "Increment", '{"amount":%d}' % (i + 1), metadata='{"n":1.50}')


def test_dry_run_says_what_would_happen(server):
    would = server.thalo("dry-run", "counter", "a", "Increment", '{"amount":10}')
    assert (would.returncode, would.stdout) == (0, 'Would execute with 1 events:\n    Incremented  {"amount":10}\n')
    refused = server.thalo("dry-run", "counter", "a", "Decrement", '{"amount":10}')
    assert refused.returncode == 3 and refused.stderr.startswith("Would be rejected:")
    assert server.events("counter-a") == []


def test_modules_publish_and_rollback(folder, server):
    assert lines(server.thalo("modules", "--json").stdout)[0]["version"] == 0
    assert "by hand" in server.thalo("modules").stdout
    other = folder / "other.wasm"
    other.write_bytes((folder / "modules" / "counter.wasm").read_bytes() + b"\0\x05\x04note")
    assert server.thalo("publish", "counter", other).stdout.startswith("Published counter version 2 (")
    assert "* version 2" in server.thalo("modules", "counter").stdout
    assert "* version 1" in server.thalo("rollback", "counter").stdout
    none = server.thalo("rollback", "counter")
    assert none.returncode == 1 and "no version before the one served" in none.stderr
    missing = server.thalo("modules", "nobody")
    assert missing.returncode == 1 and "`thalo modules` lists those that are" in missing.stderr


def test_state_and_describe(tmp_path):
    add_module(tmp_path, "bank_account")
    add_module(tmp_path)
    with runtime(tmp_path) as server:
        server.execute("bankAccount", "a", "OpenAccount", '{"owner":"A","initial_cents":5}')
        server.execute("bankAccount", "a", "DepositFunds", '{"cents":2}')
        assert json.loads(server.thalo("state", "bankAccount", "a").stdout)["balance_cents"] == 7
        old = json.loads(server.thalo("state", "bankAccount", "a", "--version", "1", "--json").stdout)
        assert (old["version"], old["state"]["balance_cents"]) == (1, 5)
        described = json.loads(server.thalo("state", "bankAccount", "a", "--describe", "--json").stdout)
        assert (described["version"], described["cached"], described["module"]) == (2, True, "bank_account")
        no = server.thalo("state", "counter", "a")
        assert no.returncode == 1 and "offers no snapshots" in no.stderr


def test_streams(server):
    fill(server, 12)
    server.thalo("append", "audit-1", "Noted", "{}")
    assert server.thalo("streams").stdout == "1  audit-1\n3  counter-0\n3  counter-1\n3  counter-2\n3  counter-3\n"
    some = lines(server.thalo("streams", "--category", "counter", "--limit", "2", "--json").stdout)
    assert some == [{"stream": "counter-0", "version": 3}, {"stream": "counter-1", "version": 3}]
    wrong = server.thalo("streams", "--category", "a-b")
    assert wrong.returncode == 1 and "illegal character" in wrong.stderr


def test_append(server):
    done = server.thalo("append", "audit-1", "Noted", '{"by":"ann"}', "--expected-version", "0", "--json")
    assert json.loads(done.stdout) == {"position": 0, "global_position": 0, "version": 1}
    again = server.thalo("append", "audit-1", "Noted", "{}", "--expected-version", "0")
    assert again.returncode == 1 and "version 1" in again.stderr


def test_export_and_import_keep_every_event(folder, tmp_path):
    file = folder / "events.jsonl"
    with runtime(folder) as server:
        fill(server)
        assert server.thalo("export", "-o", file).returncode == 0
        exists = server.thalo("export", "-o", file)
        assert exists.returncode == 1 and "--resume" in exists.stderr
        whole = file.read_bytes()
        # Cut in the middle of a line, as an interruption would.
        file.write_bytes(whole[: len(whole) // 2])
        assert server.thalo("export", "-o", file, "--resume").returncode == 0
        assert file.read_bytes() == whole
        some = lines(server.thalo("export", "--stream", "counter-1", "--from", "8").stdout)
        assert [e["global_position"] for e in some] == [9, 13, 17]
        original = {str(i): [(e.type, e.data, e.metadata, e.time_ms) for e in server.events(f"counter-{i}")] for i in range(4)}
    with runtime(second(tmp_path)) as server:
        file.write_bytes(whole[: whole.index(b"\n", len(whole) // 2) + 1])
        assert server.thalo("import", file).returncode == 0
        file.write_bytes(whole)
        again = server.thalo("import", file)
        assert again.returncode == 0 and "were there already" in again.stderr
        third = server.thalo("import", file)
        assert "Imported 0 events; 20 were there already" in third.stderr
        for i in range(4):
            assert [(e.type, e.data, e.metadata, e.time_ms) for e in server.events(f"counter-{i}")] == original[str(i)]
        assert original["0"][0][2] == '{"metadata":{"n":1.50}}', "numbers stay as they were written"
        changed = whole.replace(b'"amount":5}', b'"amount":6}')
        file.write_bytes(changed)
        refused = server.thalo("import", file)
        assert refused.returncode == 1 and "has another event at position 1" in refused.stderr and "line " in refused.stderr
        file.write_text('{"stream":"counter-9","type":"X","data":{},"position":3}\n')
        gap = server.thalo("import", file)
        assert gap.returncode == 1 and "line 1: " in gap.stderr and "import the events before it first" in gap.stderr
        for bad, text in [("nonsense", "line 1: not valid JSON"), ('{"stream":"a-1"}', "`type` is missing"), ("[1]", "not a JSON object")]:
            file.write_text(bad + "\n")
            refused = server.thalo("import", file)
            assert refused.returncode == 1 and text in refused.stderr, refused.stderr
        assert server.execute("counter", "0", "Increment", '{"amount":1}').accepted.version == 6


def second(tmp_path):
    other = tmp_path / "second"
    other.mkdir()
    add_module(other)
    return other


def test_tail_follows_and_goes_on_after_the_server_was_away(folder):
    with runtime(folder) as server:
        port = server.ports[0]
        server.execute("counter", "a", "Increment", '{"amount":1}')
        once = server.thalo("tail", "--no-follow", "--json")
        assert [e["global_position"] for e in lines(once.stdout)] == [0]
        follower = subprocess.Popen(
            [CLI, "tail", "-u", f"http://127.0.0.1:{port}", "--from", "0", "--category", "counter", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert json.loads(follower.stdout.readline())["global_position"] == 0
        server.execute("counter", "a", "Increment", '{"amount":2}')
        assert json.loads(follower.stdout.readline())["global_position"] == 1
        server.kill()
    assert "waiting for the server" in follower.stderr.readline()
    with runtime(folder, "--addr", f"127.0.0.1:{port}") as server:
        server.execute("counter", "a", "Increment", '{"amount":3}')
        assert json.loads(follower.stdout.readline())["global_position"] == 2, "nothing twice, nothing left out"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 0


def test_tail_starts_with_what_is_new(folder, server):
    server.execute("counter", "a", "Increment", '{"amount":1}')
    follower = subprocess.Popen([CLI, "tail", "-u", f"http://{server.target}"], stdout=subprocess.PIPE, text=True)
    line = []
    end = time.monotonic() + 30
    while not line and time.monotonic() < end:
        server.execute("counter", "a", "Increment", '{"amount":2}')
        import select

        if select.select([follower.stdout], [], [], 0.2)[0]:
            line = follower.stdout.readline().split()
    assert line[2:4] == ["counter-a", "Incremented"] and int(line[0]) > 0
    follower.send_signal(signal.SIGINT)
    assert follower.wait(30) == 0


def test_every_subcommand_has_help():
    for name in ("append", "build", "dry-run", "events", "execute", "export", "import", "modules", "publish", "rollback", "state", "streams", "tail"):
        done = thalo(name, "--help")
        assert done.returncode == 0 and name in thalo("--help").stdout
