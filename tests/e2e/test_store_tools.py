"""What works on a store's folder without a server."""

import json
import os
import random
import re
import time

import grpc
import pytest
from harness import Runtime, events_pb2, events_pb2_grpc, runtime, thalo


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def fill(server, count=30):
    for i in range(count):
        server.execute("counter", str(i % 4), "Increment", '{"amount":%d}' % (i + 1))


def test_a_closed_store_is_read_without_a_server(folder):
    store = folder / "store"
    with runtime(folder) as server:
        fill(server)
        asked = {
            name: server.thalo(*arguments).stdout
            for name, arguments in {
                "events": ("events", "counter-1", "--json", "--from", "2", "--limit", "3"),
                "backwards": ("events", "counter-1", "--json", "--backwards"),
                "streams": ("streams", "--json", "--category", "counter"),
                "export": ("export", "--from", "3", "--stream", "counter-2"),
            }.items()
        }
        running = thalo("streams", "--store", store)
        assert running.returncode == 1 and "in use by a running process" in running.stderr and "--url" in running.stderr
        server.kill()
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    assert thalo("events", "counter-1", "--store", store, "--json", "--from", "2", "--limit", "3").stdout == asked["events"] != ""
    assert thalo("events", "counter-1", "--store", store, "--json", "--backwards").stdout == asked["backwards"]
    assert thalo("streams", "--store", store, "--json", "--category", "counter").stdout == asked["streams"]
    assert thalo("export", "--store", store, "--from", "3", "--stream", "counter-2").stdout == asked["export"]
    assert {file: file.read_bytes() for file in store.rglob("*") if file.is_file()} == before
    missing = thalo("streams", "--store", folder / "nowhere")
    assert missing.returncode == 1 and "there is no store at" in missing.stderr


def test_who_names_two_places_to_read_from_is_refused(folder):
    with runtime(folder) as server:
        fill(server, 1)
        server.kill()
    url, store = ["--url", "http://localhost:1"], ["--store", folder / "store"]
    for words in (
        ["verify", *store, "--backup", folder],
        ["verify", "--backup", folder, *url],
        ["backup", *store, "-o", folder / "backups", *url],
        ["backups", folder, *url],
        *([*reader, *store, *url] for reader in (["verify"], ["events", "counter-0"], ["streams"], ["export"])),
    ):
        done = thalo(*words)
        assert done.returncode == 2 and done.stdout == "" and ("--url" in done.stderr or "excludes --backup" in done.stderr), (words, done)
    assert not (folder / "backups").exists()
    done = thalo("verify", *store, env={**os.environ, "THALO_URL": "http://localhost:1"})
    assert done.returncode == 0, "the variable only stands in for --url"


def append_noise(server, count):
    dice = random.Random(1)
    stub = events_pb2_grpc.EventsStub(server.channel)
    for i in range(count):
        event = events_pb2.NewEvent(type="Noted", data=json.dumps("%x" % dice.getrandbits(8000)))
        stub.Append(events_pb2.AppendRequest(stream=f"noise-{i % 3}", events=[event]), timeout=30)


def flip_byte(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 0x40
    file.write_bytes(content)


def largest(folder, ending):
    return max((folder / "store" / "rocksdb").glob("*" + ending), key=lambda file: file.stat().st_size)


def test_verify_of_a_sound_store(folder):
    with runtime(folder) as server:
        fill(server)
        assert server.thalo("verify").stdout == "Sound: 30 events of 4 streams.\n"
        told = json.loads(server.thalo("verify", "--json").stdout)
        assert told == {"sound": True, "violations": 0, "events": 30, "streams": 4}
        running = thalo("verify", "--store", folder / "store")
        assert running.returncode == 1 and "in use by a running process" in running.stderr
        server.kill()
    done = thalo("verify", "--store", folder / "store")
    assert done.returncode == 0 and done.stdout.startswith("Sound: 30 events of 4 streams, "), done.stdout


def fill_a_stretch(server):
    """So many small events that the index of what was before them is on disk."""
    stub = events_pb2_grpc.EventsStub(server.channel)
    small = [events_pb2.NewEvent(type="Noted", data="1")] * 1000
    for i in range(66):
        stub.Append(events_pb2.AppendRequest(stream=f"small-{i % 3}", events=small), timeout=30)


def test_a_damaged_record_is_named_and_the_rest_is_readable(folder):
    total = 66_300
    with runtime(folder) as server:
        append_noise(server, 300)
        fill_a_stretch(server)
        server.stop()
    result = {"indexed": 0}
    while result["indexed"] == 0:
        with runtime(folder) as server:  # moves what is in the log to files, and writes the index unless it is stopped before
            time.sleep(0.5)
            server.stop()
        result = json.loads(thalo("verify", "--store", folder / "store", "--json").stdout)
    file = largest(folder, ".sst")
    flip_byte(file, file.stat().st_size // 8)

    closed = thalo("verify", "--store", folder / "store", "--json")
    assert closed.returncode == 1
    *violations, result = lines(closed.stdout)
    assert {v["invariant"] for v in violations} == {"I12"} and not result["sound"] and total - 50 < result["events"] < total
    (broken,) = [v for v in violations if "global_position" in v]
    assert broken["file"].endswith(file.name) and "checksum" in broken["what"]
    first, last = broken["global_position"], int(re.search(r"from here to (\d+)", broken["what"])[1])
    text = thalo("verify", "--store", folder / "store")
    assert text.returncode == 1 and f"I12  global position {first}  " in text.stdout and "Damaged: 2 violations" in text.stdout

    with runtime(folder) as server:
        stub = events_pb2_grpc.EventsStub(server.channel)
        read = []
        with pytest.raises(grpc.RpcError) as error:
            for batch in stub.ReadAll(events_pb2.ReadAllRequest(), timeout=60):
                read += [event.global_position for event in batch.events]
        assert error.value.code() == grpc.StatusCode.DATA_LOSS
        assert f"global position {first} " in error.value.details() and file.name in error.value.details()
        assert read == list(range(first)), "everything before it was shown"
        rest = [e.global_position for b in stub.ReadAll(events_pb2.ReadAllRequest(**{"from": last + 1}), timeout=60) for e in b.events]
        assert rest == list(range(last + 1, total))
        asked = lines(server.thalo("verify", "--json").stdout)
        assert [(v["invariant"], v["global_position"]) for v in asked[:-1]] == [("I12", first)]
        assert asked[-1]["events"] == total - (last + 1 - first)
        # Writing goes on, also to a stream with damage behind it.
        append_noise(server, 3)
        stream = server.events("noise-0", **{"from": 100})
        assert [event.position for event in stream] == [100]


def test_a_damaged_log_is_found_and_not_opened(folder):
    with runtime(folder) as server:
        append_noise(server, 100)
        server.kill()
    log = largest(folder, ".log")
    flip_byte(log, log.stat().st_size // 2)
    found = thalo("verify", "--store", folder / "store")
    assert found.returncode == 1 and f"I12  {log}  the log is damaged at byte" in found.stdout, found.stdout
    with pytest.raises(RuntimeError, match="is damaged at byte .* restore the store from a backup"):
        Runtime(folder)
    refused = thalo("events", "noise-1", "--store", folder / "store")
    assert refused.returncode == 1 and "DATA_LOSS" in refused.stderr
