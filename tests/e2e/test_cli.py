"""The command line beyond execute and events."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from harness import CLI, add_module, runtime, thalo


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def fill(server, count=20):
    for i in range(count):
        server.execute("counter", str(i % 4), "Increment", '{"amount":%d}' % (i + 1), metadata='{"n":1.50}')


def test_dry_run_says_what_would_happen(server):
    would = server.thalo("dry-run", "counter", "a", "Increment", '{"amount":10}')
    assert (would.returncode, would.stdout) == (0, 'Would execute with 1 event:\n    Incremented  {"amount":10}\n')
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


def test_an_export_goes_on_only_with_the_store_it_is_of(folder, tmp_path):
    file = folder / "events.jsonl"
    with runtime(folder) as server:
        fill(server, 8)
        assert server.thalo("export", "-o", file).returncode == 0
    mine = file.read_bytes() + b'{"cut'
    file.write_bytes(mine)
    with runtime(second(tmp_path)) as other:
        for event, count in (("no event", 0), ("another event", 12)):
            fill(other, count)
            refused = other.thalo("export", "-o", file, "--resume")
            assert refused.returncode == 1 and f"the store has {event} at global position 7" in refused.stderr, refused.stderr
            assert file.read_bytes() == mine, "it is left as it is"
    with runtime(folder) as server:
        fill(server, 1)
        assert server.thalo("export", "-o", file, "--resume").returncode == 0
        assert [e["global_position"] for e in lines(file.read_text())] == list(range(9))


def test_import_keeps_what_an_export_can_hold(folder, tmp_path):
    file = folder / "events.jsonl"
    full = json.dumps({"fill": "x" * (2**16 - 20)})

    def nested(levels):
        return '{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    with runtime(folder) as server:
        server.execute("counter", "ä/ö ☃", "Increment", '{"amount":1}', metadata=full, command_id="\x01" * 256, correlation_id="\x01" * 256)
        assert server.thalo("append", "any-1", "Text ☃", '"plain"').returncode == 0
        server.execute("counter", "deep", "Increment", '{"amount":1}', metadata=nested(1023))
        assert server.thalo("append", "any-1", "Deep", nested(1024)).returncode == 0
        assert server.thalo("export", "-o", file).returncode == 0
    with runtime(second(tmp_path)) as server:
        done = server.thalo("import", file, "--json")
        assert done.returncode == 0 and json.loads(done.stdout) == {"imported": 4, "skipped": 0}, done.stderr
        # Python's own reader does not go that deep.
        assert re.findall(r'"stream":"([^"]+)","type":"([^"]+)"', server.thalo("export").stdout) == [
            ("counter-ä/ö ☃", "Incremented"),
            ("any-1", "Text ☃"),
            ("counter-deep", "Incremented"),
            ("any-1", "Deep"),
        ]
        # Written by hand: a time may be left out, and is then that of the import.
        before = time.time() * 1000 - 1
        file.write_text('\n{"stream":"own-1","type":"A","data":1,"position":0}\n\n{"stream":"own-1","type":"B","data":null,"position":1,"time":5}')
        assert server.thalo("import", file).returncode == 0
        first, last = server.events("own-1")
        assert before <= first.time_ms <= time.time() * 1000 + 1 and (last.time_ms, last.data) == (5, "null")
        file.write_text('{"stream":"own-1","type":"C","data":1,"position":18446744073709551615}')
        beyond = server.thalo("import", file)
        assert beyond.returncode == 1 and "line 1: expected_version is 18446744073709551615" in beyond.stderr
        assert len(server.events("own-1")) == 2
        for name, reason in ((".", "Is a directory"), ("/no/such", "No such file")):
            assert reason in server.thalo("import", name).stderr


def test_a_time_before_1970_is_shown_as_what_it_is(folder, server):
    file = folder / "old.jsonl"
    rows = [{"stream": "old-1", "type": "A", "data": 1, "position": position, "time": time} for position, time in enumerate((-203815199947, -1, 1))]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert server.thalo("import", file).returncode == 0
    shown = [line.split()[1] for line in server.thalo("events", "old-1").stdout.splitlines()]
    assert shown == ["1963-07-18T00:40:00.053Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.001Z"]


def test_parallel_import_keeps_every_stream_and_can_be_run_again(folder, tmp_path):
    file = folder / "events.jsonl"
    count = 3000
    rows = [{"stream": f"noise-{i % 97}", "type": "Noted", "data": {"n": i}, "position": i // 97, "time": i} for i in range(count)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with runtime(second(tmp_path)) as server:
        half = folder / "half.jsonl"
        half.write_text("".join(json.dumps(row) + "\n" for row in rows[:1500]))
        assert server.thalo("import", half, "--parallel", "16").returncode == 0
        done = server.thalo("import", file, "--parallel", "16")
        assert done.returncode == 0 and f"Imported {count - 1500} events; 1500 were there already" in done.stderr, done.stderr
        for stream in range(97):
            assert [json.loads(e.data)["n"] for e in server.events(f"noise-{stream}")] == list(range(stream, count, 97))
        rows[2900]["data"] = {"n": -1}
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        changed = server.thalo("import", file, "--parallel", "16")
        assert changed.returncode == 1 and "line 2901: " in changed.stderr and "has another event" in changed.stderr


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


def test_tail_ends_when_another_store_is_served(folder, tmp_path):
    other = second(tmp_path)
    with runtime(other) as server:
        server.append("b-1", "A", "B", "C")
    with runtime(folder) as server:
        port = server.ports[0]
        server.append("a-1", "A")
        follower = subprocess.Popen([CLI, "tail", "-u", f"http://{server.target}", "--from", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "a-1" in follower.stdout.readline()
        server.kill()
    assert "waiting for the server" in follower.stderr.readline()
    with runtime(other, "--addr", f"127.0.0.1:{port}"):
        out, err = follower.communicate(timeout=60)
    assert follower.returncode == 1 and out == "" and "the store has another event at global position 0: it is another store" in err, (out, err)


def test_tail_says_how_many_events_its_filter_left_out_and_what_of_it_was_never_seen(server):
    server.append("counter-a", "A", "B")
    server.append("noise-1", *["A"] * 40)
    server.append("counter-b", "A")
    words = ("--from", "1", "--category", "counter", "--category", "countr", "--json")
    once = server.thalo("tail", "--no-follow", *words)
    assert [e["global_position"] for e in lines(once.stdout)] == [1, 42]
    assert once.stderr == "40 events before global position 43 did not match the filter\n"
    assert server.thalo("tail", "--no-follow").stderr == "", "nothing was left out"
    follower = subprocess.Popen([CLI, "tail", "-u", f"http://{server.target}", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert [json.loads(follower.stdout.readline())["global_position"] for _ in range(2)] == [1, 42]
    assert [follower.stderr.readline() for _ in range(2)] == [
        "40 events before global position 43 did not match the filter\n",
        "nothing yet of category countr\n",
    ]
    follower.send_signal(signal.SIGINT)
    assert follower.wait(30) == 0
    # Some are stored, but none of them is new.
    new = subprocess.Popen([CLI, "tail", "-u", f"http://{server.target}", "--category", "counter"], stderr=subprocess.PIPE, text=True)
    assert new.stderr.readline() == "nothing new yet of category counter\n"
    new.send_signal(signal.SIGINT)
    assert new.wait(30) == 0


@pytest.mark.parametrize("flag, name", [("--stream", "parking"), ("--category", "parking-p1"), ("--type", "")])
def test_tail_refuses_what_no_event_can_have(server, flag, name):
    for more in (["--no-follow"], []):
        done = server.thalo("tail", *more, flag, name)
        assert done.returncode == 1 and done.stdout == "" and f"error: {flag}: " in done.stderr


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


def subcommands():
    listed = thalo("--help").stdout.split("Subcommands:")[1].splitlines()
    return [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]


def test_every_subcommand_has_help_with_an_example():
    assert {"append", "build", "execute", "import", "rollback", "sdk-path", "verify"} <= set(subcommands())
    for name in subcommands():
        done = thalo(name, "--help")
        assert done.returncode == 0 and "Example" in done.stdout and f"thalo {name}" in done.stdout.split("Example")[1], name


def on_a_terminal(*words, env=None):
    """Runs thalo with a terminal for its output, and returns what came there."""
    main, other = os.openpty()
    done = subprocess.Popen([CLI, *words], stdout=other, stderr=other, env={**os.environ, **(env or {})})
    os.close(other)
    shown = b""
    while True:
        try:
            more = os.read(main, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
    os.close(main)
    assert done.wait(60) in (0, 3)
    return shown


def test_colours_only_on_a_terminal_that_wants_them(server):
    server.execute("counter", "a", "Increment", '{"amount":1}')
    url = ["-u", f"http://{server.target}"]
    for words in (
        ["events", *url, "counter-a"],
        ["tail", *url, "--no-follow"],
        ["execute", *url, "counter", "a", "Increment", '{"amount":1}'],
        ["execute", *url, "counter", "a", "Decrement", '{"amount":100}'],
    ):
        assert b"\x1b[" in on_a_terminal(*words), words
        assert b"\x1b[" not in on_a_terminal(*words, env={"NO_COLOR": "1"}), words
        piped = thalo(*words)
        assert "\x1b[" not in piped.stdout + piped.stderr, words


def test_a_server_that_is_busy_for_a_while_is_given_the_whole_timeout(server):
    command = ["counter", "a", "Increment", '{"amount":1}', "--timeout-ms"]
    server.process.send_signal(signal.SIGSTOP)
    try:
        late = server.thalo("execute", *command, "300")
        assert late.returncode == 1 and "has not answered within the timeout" in late.stderr, late
        patient = subprocess.Popen(
            [CLI, "execute", "--url", f"http://{server.target}", *command, "100000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            patient.wait(2)
    finally:
        server.process.send_signal(signal.SIGCONT)
    out, err = patient.communicate(timeout=100)
    assert patient.returncode == 0, (out, err)


def test_a_server_that_is_not_there_fails_at_once(server):
    server.stop()
    # The harness does not wait as long as that.
    refused = server.thalo("execute", "counter", "a", "Increment", "{}", "--timeout-ms", "600000")
    assert refused.returncode == 1 and "cannot reach http://127.0.0.1" in refused.stderr, refused


def test_a_module_name_in_place_of_a_category_is_answered_with_the_category(server):
    for name in ("car-park", "car_park"):
        for command in (["execute", name, "a", "Leave"], ["state", name, "a"]):
            meant = server.thalo(*command)
            assert meant.returncode == 1 and "did you mean carPark?" in meant.stderr, meant


def test_state_takes_a_stream_as_events_does(server):
    fill(server)
    by_stream, by_words = server.thalo("state", "counter-1", "--describe"), server.thalo("state", "counter", "1", "--describe")
    assert by_stream.returncode == 0 and by_stream.stdout == by_words.stdout != "", by_stream
    assert server.thalo("state", "counter").returncode == 2


def test_the_log_says_what_is_compiled_and_what_was_never_published(folder):
    with runtime(folder) as first:
        text = first.text()
        assert 0 < text.index("compiling module") < text.index("listening"), text
        first.thalo("publish", "counter", folder / "modules" / "counter.wasm")
        first.stop()
    with runtime(folder) as second:
        assert "compiling module" not in second.text() and "differs from every published" not in second.text()
        second.stop()
    file = folder / "modules" / "counter.wasm"
    file.write_bytes(file.read_bytes() + b"\0\x05\x04note")
    with runtime(folder) as third:
        assert "serving a file that differs from every published version" in third.text()
