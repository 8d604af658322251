"""Stores that released versions made (tests/golden) are read by this one, whole, and go on."""

import json
import shutil

import pytest
from google.protobuf.json_format import MessageToDict
from harness import ROOT, add_module, data, entities_pb2, entities_pb2_grpc, projections_pb2, runtime, thalo
from test_projections import Member, get

GOLDEN = sorted(folder for folder in (ROOT / "tests" / "golden").iterdir() if (folder / "store").is_dir())


def as_json(message):
    return MessageToDict(message, preserving_proto_field_name=True)


@pytest.fixture(params=GOLDEN, ids=lambda folder: folder.name)
def golden(request, tmp_path):
    """A copy of the store with the modules of this version beside it, and what was kept of its making."""
    shutil.copytree(request.param / "store", tmp_path / "store")
    for module in ("counter", "bank_account", "todos"):
        add_module(tmp_path, module)
    told = json.loads((request.param / "told.json").read_text())
    return tmp_path, (request.param / "events.jsonl").read_text(), told


def test_there_is_one():
    assert [folder.name for folder in GOLDEN] == ["format-1"]


def test_it_is_sound_and_read_without_changing_it(golden):
    folder, events, _ = golden
    before = {file: file.read_bytes() for file in (folder / "store").rglob("*") if file.is_file()}
    verified = thalo("verify", "--store", folder / "store")
    assert verified.returncode == 0, verified
    assert thalo("export", "--store", folder / "store").stdout == events
    assert {file: file.read_bytes() for file in before} == before


def test_a_runtime_serves_every_event_and_every_stream(golden):
    folder, events, _ = golden
    with runtime(folder) as server:
        assert server.thalo("export").stdout == events
        events = [json.loads(line) for line in events.splitlines()]
        for stream in {e["stream"] for e in events}:
            found = [(e.global_position, e.id, e.position, e.time_ms) for e in server.events(stream)]
            assert found == [(e["global_position"], e["id"], e["position"], e["time"]) for e in events if e["stream"] == stream]
        assert server.thalo("verify").returncode == 0


def test_entities_go_on_and_remember_their_commands(golden):
    folder, events, told = golden
    count = len(events.splitlines())
    with runtime(folder) as server:
        for command in told["commands"]:
            request, answer = command["request"], command["answer"]
            if "accepted" not in answer or "command_id" not in request:
                continue
            again = server.execute(**request).accepted
            assert again.repeated_command
            assert [as_json(e) for e in again.events] == answer["accepted"].get("events", []), request
        assert server.all_events()[-1].global_position == count - 1, "nothing was stored"
        describe = entities_pb2.DescribeEntityRequest(category="todos", id="home")
        entity = entities_pb2_grpc.EntitiesStub(server.channel).Describe(describe, timeout=30)
        assert entity.snapshot_version == told["snapshot_version"]
        rejected = json.loads(server.execute("bankAccount", "ann", "WithdrawFunds", '{"cents":501}').rejected.error)
        assert rejected == {"type": "InsufficientFunds", "balance_cents": 500, "cents": 501}
        added = server.execute("counter", "a", "Increment", '{"amount":1}').accepted
        assert data(added.events) == [("Incremented", {"amount": 1})]
        assert (added.events[0].global_position, added.version) == (count, 3)
        assert server.execute("todos", "home", "AddTodo", '{"id":"milk","title":"More milk"}').accepted.events
        assert server.stop() == 0
    assert thalo("verify", "--store", folder / "store").returncode == 0
    assert thalo("export", "--store", folder / "store").stdout.startswith(events)


def test_projections_keep_their_places(golden):
    folder, events, told = golden
    with runtime(folder) as server:
        for projection in told["projections"]:
            found = as_json(get(server, projection["name"]))
            kept = ("name", "cursor", "paused", "filters", "policy", "held")
            assert {key: found.get(key) for key in kept} == {key: projection.get(key) for key in kept}
        server.projections.Resume(projections_pb2.ResumeProjectionRequest(name="plain"), timeout=30)
        member = Member(server, "plain")
        left = len(events.splitlines()) - member.first.cursor
        assert [e.global_position for e in member.take(left)] == list(range(member.first.cursor, member.first.cursor + left))
