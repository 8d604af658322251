"""THALO_BUILD=BUILD make.py FOLDER: makes a golden store (README.md) of what is built in BUILD.

FOLDER gets `store`, as a killed runtime leaves it, `events.jsonl`, which `thalo export` says of it, and `told.json`: what the runtime told its
clients."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from google.protobuf.json_format import MessageToDict  # noqa: E402
from harness import BUILD, add_module, entities_pb2, entities_pb2_grpc, projections_pb2, runtime, thalo  # noqa: E402
from test_projections import Member, get, until, wait_for  # noqa: E402

FLAGS = ("--snapshot-events", "2", "--snapshot-interval-ms", "0")


def as_json(message):
    return MessageToDict(message, preserving_proto_field_name=True)


# With ids and without, a repeated one and a rejected one among them.
COMMANDS = [
    ("counter", "a", "Increment", '{"amount":3}', {"command_id": "first"}),
    ("counter", "a", "Increment", '{"amount":4}', {"command_id": "second", "metadata": '{"who":"Zoë"}'}),
    ("counter", "a", "Increment", '{"amount":3}', {"command_id": "first"}),
    ("bankAccount", "ann", "OpenAccount", '{"owner":"Ann","initial_cents":500}', {"command_id": "open"}),
    ("bankAccount", "ann", "WithdrawFunds", '{"cents":501}', {"command_id": "too much"}),
    ("todos", "home", "AddTodo", '{"id":"milk","title":"Buy milk"}', {}),
    ("todos", "home", "AddTodo", '{"id":"tea","title":"Buy tea"}', {}),
    ("todos", "home", "CompleteTodo", '{"id":"milk"}', {}),
    ("todos", "home", "CompleteTodo", '{"id":"tea"}', {}),
    ("todos", "home", "ClearCompleted", "{}", {"command_id": "clear"}),
]


def execute(server, commands):
    told = []
    for category, id, command, payload, fields in commands:
        answer = server.execute(category, id, command, payload, **fields)
        request = {"category": category, "id": id, "command": command, "payload": payload, **fields}
        told.append({"request": request, "answer": as_json(answer)})
    return told


def follow_projections(server):
    """One that has seen a part of the store, one with a filter and a parked stream that is paused."""
    plain = Member(server, "plain")
    plain.take(server_head(server))
    plain.ack(30)
    wait_for(server, "plain", 30)
    server.projections.Pause(projections_pb2.PauseProjectionRequest(name="plain"), timeout=30)
    policy = projections_pb2.FailurePolicy(attempts_max=1, backoff_max_ms=10, parked_streams_max=10)
    picky = Member(server, "picky", categories=["todos"], types=["TodoAdded", "TodoCompleted"], policy=policy)
    events = picky.take(4)
    picky.fail(events[1], "no such table", picky.newest.batch)
    held = until(lambda: list(get(server, "picky").held))
    assert held[0].parked
    server.projections.Pause(projections_pb2.PauseProjectionRequest(name="picky"), timeout=30)
    return [as_json(get(server, name)) for name in ("plain", "picky")]


def server_head(server):
    return len(server.all_events())


def snapshot_version(server):
    describe = entities_pb2.DescribeEntityRequest(category="todos", id="home")
    return entities_pb2_grpc.EntitiesStub(server.channel).Describe(describe, timeout=10).snapshot_version


def make(folder, modules):
    store = folder / "store"
    subprocess.run([BUILD / "bin" / "golden_old_lives", store], check=True)
    for module in ("counter", "bank_account", "todos"):
        add_module(modules, module)
    shutil.move(store, modules / "store")
    with runtime(modules, *FLAGS) as server:
        told = {"commands": execute(server, COMMANDS[:5])}
        server.stop()
    with runtime(modules, *FLAGS) as server:
        told["commands"] += execute(server, COMMANDS[5:])
        told["snapshot_version"] = until(lambda: snapshot_version(server))
        told["projections"] = follow_projections(server)
        server.kill()
    shutil.move(modules / "store", store)
    (folder / "events.jsonl").write_text(thalo("export", "--store", store).stdout)
    (folder / "told.json").write_text(json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    # What RocksDB writes for people: its text log, and options that it does not read.
    for pattern in ("LOG?*", "OPTIONS-*"):
        for file in (store / "rocksdb").glob(pattern):
            file.unlink()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir()
    with tempfile.TemporaryDirectory() as modules:
        make(target.absolute(), Path(modules))
