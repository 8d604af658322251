"""The C++ client of projections, the example that uses it, and `thalo projections`."""

import json
import os
import random
import sqlite3
import subprocess
import threading
import time
from collections import defaultdict
from contextlib import contextmanager

from harness import BUILD, add_module, runtime

COUNTS = BUILD / "bin" / "counts"
PROBE = BUILD / "bin" / "projection_probe"


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return value


@contextmanager
def running(*command, **options):
    process = subprocess.Popen([str(word) for word in command], text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def table(folder):
    with sqlite3.connect(f"file:{folder / 'counts.db'}?mode=ro", uri=True, timeout=10) as database:
        return dict(database.execute("SELECT counter, count FROM counts"))


def has(folder, expected):
    try:
        return table(folder) == expected
    except sqlite3.OperationalError:
        return False


def projection(server, name):
    done = server.thalo("projections", name, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for_member(server, name):
    """A program that was just started takes a moment to join, and only then is there a projection."""

    def joined():
        listed = server.thalo("projections", "--json").stdout.splitlines()
        return any(one["name"] == name and one["members"] for one in map(json.loads, listed))

    until(joined)


def act(server, *arguments):
    done = server.thalo("projections", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_counts_are_right_whatever_is_killed(tmp_path):
    """kill -9 of the program and of the server, in turn, while commands go on."""
    add_module(tmp_path)
    rng = random.Random(7)
    expected = defaultdict(int)
    port = None
    for round_ in range(4):
        with runtime(tmp_path, *(["--addr", f"127.0.0.1:{port}"] if port else [])) as server:
            port = port or server.ports[0]
            url = f"http://127.0.0.1:{port}"
            with running(COUNTS, tmp_path / "counts.db", url, stderr=subprocess.DEVNULL) as counts:
                for command in range(60):
                    counter, amount = f"c{rng.randrange(5)}", rng.randrange(1, 9)
                    server.execute("counter", counter, "Increment", json.dumps({"amount": amount}))
                    expected[f"counter-{counter}"] += amount
                    if command == 30 and round_ % 2 == 0:
                        counts.kill()
                if round_ % 2 == 1:
                    server.kill()
    with runtime(tmp_path, "--addr", f"127.0.0.1:{port}") as server, running(COUNTS, tmp_path / "counts.db", f"http://127.0.0.1:{port}", stderr=subprocess.DEVNULL):
        until(lambda: has(tmp_path, expected))
        assert "has passed 239" in act(server, "counts", "wait", "--event", "239")


def test_a_reset_builds_the_counts_anew(tmp_path):
    add_module(tmp_path)
    with runtime(tmp_path) as server:
        for amount in (1, 2, 3):
            server.execute("counter", "a", "Increment", json.dumps({"amount": amount}))
        with running(COUNTS, tmp_path / "counts.db", f"http://{server.target}", stderr=subprocess.DEVNULL) as counts:
            until(lambda: has(tmp_path, {"counter-a": 6}))
            with sqlite3.connect(tmp_path / "counts.db") as database:
                database.execute("UPDATE counts SET count = 1000")
            act(server, "counts", "reset", "--to", "0")
            until(lambda: has(tmp_path, {"counter-a": 6}))
            counts.kill()
        # While it is away, too.
        with sqlite3.connect(tmp_path / "counts.db") as database:
            database.execute("UPDATE counts SET count = 1000")
        act(server, "counts", "reset", "--to", "0")
        with running(COUNTS, tmp_path / "counts.db", f"http://{server.target}", stderr=subprocess.DEVNULL):
            until(lambda: has(tmp_path, {"counter-a": 6}))


def test_lost_data_is_noticed_and_the_remedy_named(tmp_path):
    add_module(tmp_path)
    with runtime(tmp_path) as server:
        server.execute("counter", "a", "Increment", '{"amount":5}')
        url = f"http://{server.target}"
        with running(COUNTS, tmp_path / "counts.db", url, stderr=subprocess.DEVNULL):
            until(lambda: has(tmp_path, {"counter-a": 5}))
            act(server, "counts", "wait", "--event", "0")
        lost = subprocess.run([COUNTS, tmp_path / "other.db", url], capture_output=True, text=True, timeout=60)
        assert lost.returncode == 1 and "there is no data of it" in lost.stderr and "reset --to 0" in lost.stderr


def test_a_member_that_fails_an_event_keeps_the_order_of_its_stream(tmp_path):
    mended = tmp_path / "mended"
    with runtime(tmp_path) as server:

        def append(stream, data="{}"):
            done = server.thalo("append", stream, "A", data)
            assert done.returncode == 0, done.stderr

        append("shop-good")
        append("shop-bad")
        append("shop-bad", '{"fail":true}')
        append("shop-bad")
        append("shop-good")
        with running(PROBE, f"http://{server.target}", "p", "shop", stdout=subprocess.PIPE, env={**os.environ, "THALO_PROBE_MENDED": str(mended)}) as probe:
            lines = []
            threading.Thread(target=lambda: lines.extend(line.strip() for line in probe.stdout), daemon=True).start()
            wait_for_member(server, "p")

            until(lambda: any(held["parked"] for held in projection(server, "p")["held"]))
            append("shop-bad")
            append("shop-good")
            until(lambda: "shop-good 2" in lines)
            assert [line for line in lines if "bad" in line] == ["shop-bad 0"]
            held = projection(server, "p")["held"][0]
            assert (held["stream"], held["position"], held["attempts"], held["error"]) == ("shop-bad", 1, 2, "it says so")
            assert "shop-bad  event 2 (position 1), 2 attempts, parked" in act(server, "p")
            assert " 1       running" in act(server).splitlines()[1]

            # One event is skipped, those behind it come in order.
            wrong = server.thalo("projections", "p", "skip", "--stream", "shop-bad", "--event", "3")
            assert wrong.returncode == 1 and "FAILED_PRECONDITION" in wrong.stderr
            act(server, "p", "skip", "--stream", "shop-bad", "--event", "2")
            until(lambda: "shop-bad 3" in lines)
            # Another fails, is mended, and tried again.
            append("shop-bad", '{"fail":true}')
            append("shop-bad")
            until(lambda: any(held["parked"] for held in projection(server, "p")["held"]))
            mended.write_text("")
            assert act(server, "p", "retry") == "Trying 1 stream again\n"
            until(lambda: "shop-bad 5" in lines)
            assert [line for line in lines if "bad" in line] == [f"shop-bad {position}" for position in (0, 2, 3, 4, 5)]
            assert [line for line in lines if "good" in line] == [f"shop-good {position}" for position in (0, 1, 2)]


def test_a_filter_that_nothing_matches_is_said_and_another_one_for_the_name_refused(tmp_path):
    with runtime(tmp_path) as server:
        url = f"http://{server.target}"
        with running(PROBE, url, "p", "shopp", stderr=subprocess.PIPE, stdout=subprocess.PIPE) as probe:
            assert probe.stderr.readline() == "nothing yet of category shopp\n"
            refused = subprocess.run([PROBE, url, "p", "bank"], capture_output=True, text=True, timeout=60)
            assert refused.returncode == 1
            assert "category shopp" in refused.stderr and "category bank" in refused.stderr, refused.stderr
            # It may appear later.
            assert server.thalo("append", "shopp-1", "A", "{}").returncode == 0
            assert probe.stdout.readline() == "shopp-1 0\n"


def test_projections_are_operated_from_the_command_line(tmp_path):
    with runtime(tmp_path) as server:
        assert server.thalo("append", "shop-1", "A", "{}").returncode == 0
        with running(PROBE, f"http://{server.target}", "p", "shop", stdout=subprocess.DEVNULL) as probe:
            wait_for_member(server, "p")
            assert act(server, "p", "wait", "--event", "0").startswith("p has passed 0")
            act(server, "p", "pause")
            assert server.thalo("append", "shop-1", "A", "{}").returncode == 0
            shown = projection(server, "p")
            assert shown["paused"] and shown["lag_events"] == 1 and shown["filters"][0]["categories"] == ["shop"] and len(shown["members"]) == 1
            late = server.thalo("projections", "p", "wait", "--event", "1", "--timeout-ms", "200")
            assert late.returncode == 1 and "DEADLINE_EXCEEDED" in late.stderr
            act(server, "p", "resume")
            act(server, "p", "wait", "--event", "1")
            act(server, "p", "delete")
            assert probe.wait(30) == 1  # NOT_FOUND is no reason to come back
        for arguments, text in (
            (("p",), "NOT_FOUND"),
            (("p", "reset"), "--to"),
            (("p", "reset", "--to", "-1"), "--to"),
            (("p", "skip", "--stream", "s"), "--event"),
            (("p", "explode"), "explode"),
        ):
            wrong = server.thalo("projections", *arguments)
            assert wrong.returncode != 0 and text in wrong.stderr, wrong.stderr
        assert len(act(server).splitlines()) == 1  # the headline
