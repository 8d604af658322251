"""Commands and events through the built programs."""

import json
import os
import re
from pathlib import Path

import grpc
import pytest
from harness import add_module, commands_pb2, data, failure, health_pb2, runtime, thalo, thalo_pb2, wait_for


def test_execute_prints_what_the_original_printed(server):
    done = server.thalo("execute", "counter", "abc123", "Increment", '{"amount":10}')
    assert (done.returncode, done.stdout, done.stderr) == (0, 'Executed with 1 event:\n    Incremented  {"amount":10}\n', "")


def test_events_shows_the_stream(server):
    for amount in (1, 2, 3):
        server.execute("counter", "a", "Increment", json.dumps({"amount": amount}))
    shown = server.thalo("events", "counter-a")
    assert re.fullmatch(r'(\d  \S+Z  Incremented  \{"amount":\d\}\n){3}', shown.stdout)
    lines = [json.loads(line) for line in server.thalo("events", "counter-a", "--json", "--backwards", "--limit", "2").stdout.splitlines()]
    assert [(e["position"], e["data"]) for e in lines] == [(2, {"amount": 3}), (1, {"amount": 2})]
    none = server.thalo("events", "counter-nobody")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no events in stream counter-nobody\n")


def test_exit_codes_tell_rejected_from_failed(server):
    rejected = server.thalo("execute", "counter", "a", "Decrement", '{"amount":1}')
    assert rejected.returncode == 3 and rejected.stderr.startswith("Rejected:"), rejected
    assert server.thalo("execute", "nobody", "a", "Increment").returncode == 1
    assert thalo("execute", "counter").returncode == 2
    unreachable = thalo("execute", "-u", "http://127.0.0.1:1", "counter", "a", "Increment")
    assert unreachable.returncode == 1 and "is thalo-runtime running there?" in unreachable.stderr


def test_json_output_is_json(server):
    done = json.loads(server.thalo("execute", "counter", "a", "Increment", '{"amount":1}', "--json", "--command-id", "c1").stdout)
    assert (done["outcome"], done["version"], done["repeated"]) == ("accepted", 1, False)
    assert done["events"][0]["metadata"] == {"command_id": "c1"}
    rejected = server.thalo("execute", "counter", "a", "Decrement", '{"amount":100}', "--json")
    assert json.loads(rejected.stdout)["outcome"] == "rejected"


def test_payload_is_stored_as_the_aggregate_gave_it(server):
    big = 2**64 - 1
    server.execute("counter", "a", "Increment", '{ "amount" : %d, "unknown": [1, {"x": null}] }' % big)
    assert server.events("counter-a")[0].data == '{"amount":%d}' % big


def test_expected_version(server):
    server.execute("counter", "a", "Increment", '{"amount":1}')
    code, details = failure(lambda: server.execute("counter", "a", "Increment", '{"amount":1}', expected_version=0))
    assert code == grpc.StatusCode.ABORTED and "counter-a has version 1" in details
    assert server.execute("counter", "a", "Increment", '{"amount":1}', expected_version=1).accepted.version == 2


def test_command_id_has_an_effect_once_also_across_restart(folder):
    with runtime(folder) as server:
        first = server.execute("counter", "a", "Increment", '{"amount":1}', command_id="c1", correlation_id="k", metadata='{"user":"u"}')
        again = server.execute("counter", "a", "Increment", '{"amount":1}', command_id="c1")
        assert again.accepted.repeated_command and again.accepted.events == first.accepted.events
        server.kill()
    with runtime(folder) as server:
        again = server.execute("counter", "a", "Increment", '{"amount":1}', command_id="c1")
        assert again.accepted.events == first.accepted.events and len(server.events("counter-a")) == 1
        assert json.loads(again.accepted.events[0].metadata) == {"command_id": "c1", "correlation_id": "k", "metadata": {"user": "u"}}


def test_state_is_rebuilt_after_stop_and_after_kill(folder):
    with runtime(folder) as server:
        server.execute("counter", "a", "Increment", '{"amount":10}')
        assert server.stop() == 0
        assert "stopped" in server.text()
    with runtime(folder) as server:
        assert server.execute("counter", "a", "Decrement", '{"amount":11}').HasField("rejected")
        server.execute("counter", "a", "Decrement", '{"amount":4}')
        server.kill()
    with runtime(folder) as server:
        assert server.execute("counter", "a", "Decrement", '{"amount":7}').HasField("rejected")
        assert server.execute("counter", "a", "Decrement", '{"amount":6}').accepted.version == 3
        assert [e.position for e in server.events("counter-a")] == [0, 1, 2]


def test_eviction_is_invisible(folder):
    with runtime(folder, "--cache-size", "2") as server:
        for _ in range(3):
            for id in range(20):
                server.execute("counter", str(id), "Increment", '{"amount":1}')
        for id in range(20):
            assert server.execute("counter", str(id), "Decrement", '{"amount":4}').HasField("rejected")
            assert server.execute("counter", str(id), "Decrement", '{"amount":3}').HasField("accepted")


def test_large_streams_are_read_in_batches(server):
    for _ in range(300):
        server.execute("counter", "a", "Increment", '{"amount":1}')
    assert [e.position for e in server.events("counter-a", **{"from": 290})] == list(range(290, 300))
    assert [e.position for e in server.events("counter-a", backwards=True)] == list(range(299, -1, -1))
    assert [e.position for e in server.events("counter-a", backwards=True, limit=2, **{"from": 5})] == [5, 4]
    events = server.events("counter-a")
    assert [e.global_position for e in events] == list(range(300)) and len({e.id for e in events}) == 300


# The protocol of Thalo 0.8.


def test_08_execute(server):
    done = server.command_center.Execute(thalo_pb2.ExecuteCommand(name="counter", id="a", command="Increment", payload='{"amount":10}'))
    assert (done.success, done.message, len(done.events)) == (True, "ok", 1)
    event = done.events[0]
    assert (event.stream_name, event.msg_type, event.data, event.position, event.global_id) == ("counter-a", "Incremented", '{"amount":10}', 0, 0)
    assert event.time > 1_600_000_000_000
    rejected = server.command_center.Execute(thalo_pb2.ExecuteCommand(name="counter", id="a", command="Decrement", payload='{"amount":11}'))
    assert not rejected.success and json.loads(rejected.message) and not rejected.events
    code, _ = failure(lambda: server.command_center.Execute(thalo_pb2.ExecuteCommand(name="counter", id="a", command="Increment", payload="{")))
    assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_08_publish_serves_and_writes_the_module(tmp_path, folder):
    component = (folder / "modules" / "counter.wasm").read_bytes()
    with runtime(folder) as server:
        done = server.command_center.Publish(thalo_pb2.PublishModule(name="bank_account", module=component))
        assert (done.success, done.message) == (True, "ok")
        assert (folder / "modules" / "bank_account.wasm").read_bytes() == component
        assert server.execute("bankAccount", "a", "Increment", '{"amount":1}').accepted.version == 1


@pytest.mark.parametrize("name", ["../../x", "..", "", "a/b", "/etc/x", "a\0b", ".hidden", "x" * 300])
def test_a_module_name_never_escapes_the_folder(folder, server, name):
    component = (folder / "modules" / "counter.wasm").read_bytes()
    before = sorted(str(p) for p in folder.parent.rglob("*.wasm"))
    code, details = failure(lambda: server.command_center.Publish(thalo_pb2.PublishModule(name=name, module=component)))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "module name" in details
    assert sorted(str(p) for p in folder.parent.rglob("*.wasm")) == before


def test_publish_by_command_line(folder, server):
    done = server.thalo("publish", "second", folder / "modules" / "counter.wasm")
    assert done.returncode == 0 and done.stdout.startswith("Published second"), done
    assert server.execute("second", "a", "Increment", '{"amount":1}').accepted.version == 1
    (folder / "junk.wasm").write_text("not wasm")
    refused = server.thalo("publish", "second", folder / "junk.wasm")
    assert refused.returncode == 1 and "INVALID_ARGUMENT" in refused.stderr
    assert server.execute("second", "a", "Increment", '{"amount":1}').accepted.version == 2


def test_publishing_under_load_loses_no_command(folder, server):
    component = (folder / "modules" / "counter.wasm").read_bytes()
    futures = []
    for i in range(300):
        request = commands_pb2.ExecuteRequest(category="counter", id=str(i % 5), command="Increment", payload='{"amount":1}')
        from harness import commands_pb2_grpc

        futures.append(commands_pb2_grpc.CommandsStub(server.channel).Execute.future(request))
        if i % 60 == 0:
            server.command_center.Publish(thalo_pb2.PublishModule(name="counter", module=component))
    assert all(f.result().HasField("accepted") for f in futures)
    assert sum(len(server.events(f"counter-{i}")) for i in range(5)) == 300


def test_health_and_reflection(server):
    assert server.health() == health_pb2.HealthCheckResponse.SERVING
    assert server.health("thalo.v1.Commands") == health_pb2.HealthCheckResponse.SERVING
    code, _ = failure(lambda: server.health("thalo.v1.Nothing"))
    assert code == grpc.StatusCode.NOT_FOUND
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    database = ProtoReflectionDescriptorDatabase(server.channel)
    assert {"thalo.v1.Commands", "thalo.v1.Events", "thalo.CommandCenter", "grpc.health.v1.Health"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName("thalo.v1.Commands")
    assert [method.name for method in service.methods] == ["Execute", "ExecuteStream"]


def allocator_setting(server):
    variables = Path(f"/proc/{server.process.pid}/environ").read_bytes().split(b"\0")
    return [value for value in variables if value.startswith(b"GLIBC_TUNABLES=")]


def test_the_heap_is_in_huge_pages_unless_somebody_says_otherwise(tmp_path):
    add_module(tmp_path)
    with runtime(tmp_path) as server:
        assert allocator_setting(server) == [b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"]
        assert Path(f"/proc/{server.process.pid}/comm").read_text() == "thalo-runtime\n"
    with runtime(tmp_path, env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}) as server:
        assert allocator_setting(server) == [b"GLIBC_TUNABLES=glibc.malloc.hugetlb=0"]


def thread_slices(server):
    """The name of each thread and the scheduler's slice for it, in nanoseconds."""
    slices = []
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            name, state = (task / "comm").read_text().strip(), (task / "sched").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        if row := re.search(r"^se\.slice\s*:\s*(\d+)", state, re.MULTILINE):
            slices.append((name, int(row[1])))
    return slices


def shows_slices():
    own = Path("/proc/self/sched")
    return own.exists() and "se.slice" in own.read_text() and os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.skipif(not shows_slices(), reason="no slice of a thread's own (before Linux 6.12), or it is not shown, or the tests' policy is not the ordinary one")
def test_threads_that_a_caller_waits_for_get_short_turns_and_no_others(tmp_path):
    add_module(tmp_path)
    short, expected = 200_000, {"net-0", "net-1", "shard-0", "shard-1", "shard-2", "committer"}
    with runtime(tmp_path, "--shards", "3", "--net-threads", "2") as server:
        wait_for(lambda: {name for name, length in thread_slices(server) if length == short} >= expected, "thread with short turns")
        slices = thread_slices(server)
    assert {name for name, length in slices if length == short} == expected
    assert "index" in {name for name, length in slices if length != short}


def test_both_loopback_addresses_by_default(tmp_path):
    help_text = subprocess_help()
    assert "127.0.0.1:4433 and [::1]:4433" in help_text


def subprocess_help():
    import subprocess

    from harness import RUNTIME

    return subprocess.run([RUNTIME, "--help"], capture_output=True, text=True, check=True).stdout


def test_two_aggregates_side_by_side(tmp_path):
    add_module(tmp_path)
    add_module(tmp_path, as_name="second_one")
    with runtime(tmp_path) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        server.execute("secondOne", "a", "Increment", '{"amount":2}')
        assert data(server.events("secondOne-a")) == [("Incremented", {"amount": 2})]
        assert server.text().count("loaded module from file") == 2
