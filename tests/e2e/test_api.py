"""thalo.v1 beyond Execute: streams of commands, direct appends, reads of the whole store, modules, entities, snapshots."""

import hashlib
import json
import threading
import time

import grpc
import pytest
from harness import (
    commands_pb2,
    commands_pb2_grpc,
    data,
    entities_pb2,
    entities_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    failure,
    modules_pb2,
    modules_pb2_grpc,
    runtime,
)

CODES = grpc.StatusCode


# ExecuteStream


def command(tag, id, name="Increment", payload='{"amount":1}', **fields):
    request = commands_pb2.ExecuteRequest(category="counter", id=id, command=name, payload=payload, **fields)
    return commands_pb2.ExecuteStreamRequest.Command(tag=tag, request=request)


def execute_stream(server, batches):
    stub = commands_pb2_grpc.CommandsStub(server.channel)
    requests = (commands_pb2.ExecuteStreamRequest(commands=batch) for batch in batches)
    return {answer.tag: answer for response in stub.ExecuteStream(requests, timeout=60) for answer in response.answers}


def test_execute_stream_answers_every_tag_and_keeps_order_per_entity(server):
    batches = [[command(i * 100 + k, str(k % 7)) for k in range(100)] for i in range(30)]
    answers = execute_stream(server, batches)
    assert len(answers) == 3000
    for id in range(7):
        tags = [i * 100 + k for i in range(30) for k in range(100) if k % 7 == id]
        assert [answers[tag].response.accepted.version for tag in tags] == list(range(1, len(tags) + 1))


def test_execute_stream_failures_are_answers(server):
    answers = execute_stream(
        server,
        [
            [
                command(1, "a"),
                command(2, "a", "Decrement", '{"amount":9}'),
                command(3, "a", "Nonsense"),
                command(4, ""),
                command(5, "a", expected_version=7),
                command(6, "a"),
            ]
        ],
    )
    assert answers[2].response.HasField("rejected")
    assert answers[3].failure.code == CODES.INVALID_ARGUMENT.value[0]
    assert "id is empty" in answers[4].failure.message
    assert answers[5].failure.code == CODES.ABORTED.value[0]
    assert answers[6].response.accepted.version == 2


def test_execute_stream_holds_back_a_client_that_does_not_read(server):
    sent = 0
    stop = threading.Event()

    def requests():
        nonlocal sent
        while not stop.is_set() and sent < 200_000:
            yield commands_pb2.ExecuteStreamRequest(commands=[command(sent + k, str(k)) for k in range(100)])
            sent += 100

    call = commands_pb2_grpc.CommandsStub(server.channel).ExecuteStream(requests(), timeout=120)
    first = next(iter(call))
    before = -1
    while before != sent:  # until the client's own sending has come to a stand
        before = sent
        time.sleep(0.7)
    assert sent < 200_000, "the server reads on without end"
    seen = len(first.answers)
    stop.set()
    for response in call:
        seen += len(response.answers)
    assert seen == sent


# Events


def append(server, stream, events, **fields):
    request = events_pb2.AppendRequest(stream=stream, events=[events_pb2.NewEvent(type=t, data=d) for t, d in events], **fields)
    return events_pb2_grpc.EventsStub(server.channel).Append(request, timeout=30)


def read_all(server, **fields):
    stub = events_pb2_grpc.EventsStub(server.channel)
    responses = list(stub.ReadAll(events_pb2.ReadAllRequest(**fields), timeout=60))
    return [event for response in responses for event in response.events], responses


def test_append_read_all_and_head(server):
    answer = append(server, "imported-1", [("A", "{}"), ("B", "[1]")], expected_version=0)
    assert (answer.first_position, answer.first_global_position, answer.version) == (0, 0, 2)
    code, details = failure(lambda: append(server, "imported-1", [("A", "{}")], expected_version=0))
    assert code == CODES.ABORTED and "version 2" in details
    for i in range(10):
        server.execute("counter", str(i), "Increment", '{"amount":1}')
    events, _ = read_all(server)
    assert [e.global_position for e in events] == list(range(12))
    assert [e.type for e in read_all(server, categories=["imported"])[0]] == ["A", "B"]
    assert [e.global_position for e in read_all(server, types=["Incremented"], limit=3, **{"from": 4})[0]] == [4, 5, 6]
    assert [e.stream for e in read_all(server, streams=["counter-3", "counter-4"])[0]] == ["counter-3", "counter-4"]
    shown, responses = read_all(server, categories=["nobody"])
    assert shown == [] and responses[-1].next == 12 and sum(r.skipped for r in responses) == 12
    head = events_pb2_grpc.EventsStub(server.channel).Head(events_pb2.HeadRequest(), timeout=10)
    assert head.head == 12 and len(head.store_id) == 32


def test_append_to_a_stream_an_aggregate_owns_moves_the_entity_on(server):
    server.execute("counter", "a", "Increment", '{"amount":5}')
    append(server, "counter-a", [("Incremented", '{"amount":10}')])
    assert server.execute("counter", "a", "Decrement", '{"amount":16}').HasField("rejected")
    assert server.execute("counter", "a", "Decrement", '{"amount":15}').accepted.version == 3


def test_append_names_what_is_wrong(server):
    for stream, events, text in [
        ("x", [("A", "{}")], "no '-'"),
        ("x-1", [], "events is empty"),
        ("x-1", [("A", "{}"), ("", "{}")], "events[1]: event type is empty"),
        ("x-1", [("A", "nope")], "events[0]: data is not valid JSON"),
    ]:
        code, details = failure(lambda: append(server, stream, events))
        assert code == CODES.INVALID_ARGUMENT and text in details, details


# Modules


@pytest.fixture
def modules(server):
    return modules_pb2_grpc.ModulesStub(server.channel)


def changed(component):
    """The same component with another digest: a custom section at its end."""
    return component + b"\0\x05\x04note"


def test_versions_are_kept_and_rolled_back_to(folder, server, modules):
    one = (folder / "modules" / "counter.wasm").read_bytes()
    two = changed(one)
    listed = modules.List(modules_pb2.ListModulesRequest(), timeout=10).modules
    assert [(m.name, m.category, m.version, m.digest) for m in listed] == [("counter", "counter", 0, hashlib.sha256(one).hexdigest())]
    server.execute("counter", "a", "Increment", '{"amount":5}')
    published = modules.Publish(modules_pb2.PublishRequest(name="counter", component=two), timeout=60)
    assert published.version == 2 and [v.version for v in published.versions] == [1, 2], "the file put there by hand is version 1"
    assert published.versions[1].published_ms > 1_600_000_000_000
    again = modules.Publish(modules_pb2.PublishRequest(name="counter", component=two), timeout=60)
    assert [v.version for v in again.versions] == [1, 2], "nothing new"
    assert (folder / "modules" / "counter.wasm").read_bytes() == two
    assert server.execute("counter", "a", "Decrement", '{"amount":6}').HasField("rejected"), "the state moved along"
    back = modules.Rollback(modules_pb2.RollbackRequest(name="counter"), timeout=60)
    assert back.version == 1 and (folder / "modules" / "counter.wasm").read_bytes() == one
    assert server.execute("counter", "a", "Decrement", '{"amount":5}').accepted.version == 2
    forth = modules.Rollback(modules_pb2.RollbackRequest(name="counter", version=2), timeout=60)
    assert forth.version == 2
    code, details = failure(lambda: modules.Rollback(modules_pb2.RollbackRequest(name="counter", version=9), timeout=60))
    assert code == CODES.NOT_FOUND and "there are: 1, 2" in details
    code, _ = failure(lambda: modules.Get(modules_pb2.GetModuleRequest(name="nobody"), timeout=60))
    assert code == CODES.NOT_FOUND


def test_a_file_that_was_never_served_is_no_version(folder, server, modules):
    file = folder / "modules" / "counter.wasm"
    two = changed(file.read_bytes())
    file.write_bytes(changed(two))
    published = modules.Publish(modules_pb2.PublishRequest(name="counter", component=two), timeout=60)
    assert [(v.version, v.digest) for v in published.versions] == [(1, hashlib.sha256(two).hexdigest())]
    code, details = failure(lambda: modules.Rollback(modules_pb2.RollbackRequest(name="counter"), timeout=60))
    assert code == CODES.FAILED_PRECONDITION and "no version before" in details
    assert file.read_bytes() == two


def test_a_refused_publish_changes_nothing(folder, server, modules):
    before = (folder / "modules" / "counter.wasm").read_bytes()
    for component in (b"", b"junk", b"\0asm\1\0\0\0", before[:-100]):
        code, _ = failure(lambda: modules.Publish(modules_pb2.PublishRequest(name="counter", component=component), timeout=60))
        assert code == CODES.INVALID_ARGUMENT
    assert (folder / "modules" / "counter.wasm").read_bytes() == before
    assert modules.Get(modules_pb2.GetModuleRequest(name="counter"), timeout=60).version == 0
    assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_watch_serves_files_that_appear_and_change(folder):
    component = (folder / "modules" / "counter.wasm").read_bytes()
    with runtime(folder, "--watch-modules") as server:
        (folder / "modules" / "late.wasm").write_bytes(component)
        server.wait_for_log('loaded module from file file="%s"' % (folder / "modules" / "late.wasm"))
        assert server.execute("late", "a", "Increment", '{"amount":1}').accepted.version == 1
        (folder / "modules" / "late.wasm").write_bytes(b"junk")
        server.wait_for_log("module refused; what was served stays")
        assert server.execute("late", "a", "Increment", '{"amount":1}').accepted.version == 2
        (folder / "modules" / "late.wasm").write_bytes(changed(component))
        end = time.monotonic() + 30
        stub = modules_pb2_grpc.ModulesStub(server.channel)
        while stub.Get(modules_pb2.GetModuleRequest(name="late"), timeout=10).digest != hashlib.sha256(changed(component)).hexdigest():
            assert time.monotonic() < end
            time.sleep(0.1)


# Entities


@pytest.fixture
def entities(server):
    return entities_pb2_grpc.EntitiesStub(server.channel)


def test_describe(folder, server, entities):
    request = entities_pb2.DescribeEntityRequest(category="counter", id="a")
    cold = entities.Describe(request, timeout=10)
    assert (cold.stream, cold.version, cold.cached, cold.module) == ("counter-a", 0, False, "counter")
    server.execute("counter", "a", "Increment", '{"amount":1}')
    warm = entities.Describe(request, timeout=10)
    assert (warm.version, warm.cached, warm.instance, warm.instance_entities) == (1, True, 1, 1)
    assert warm.instance_memory_bytes > 0
    assert warm.module_digest == hashlib.sha256((folder / "modules" / "counter.wasm").read_bytes()).hexdigest()
    code, _ = failure(lambda: entities.Describe(entities_pb2.DescribeEntityRequest(category="nobody", id="a"), timeout=10))
    assert code == CODES.NOT_FOUND


def test_dry_run_stores_nothing(server, entities):
    def dry(name, amount):
        request = commands_pb2.ExecuteRequest(category="counter", id="a", command=name, payload='{"amount":%d}' % amount)
        return entities.DryRun(request, timeout=10)

    would = dry("Increment", 7)
    assert data(would.accepted.events) == [("Incremented", {"amount": 7})] and would.accepted.events[0].id == ""
    assert dry("Decrement", 1).HasField("rejected")
    assert server.events("counter-a") == []


def test_state_at_of_a_module_without_snapshots_says_so(server, entities):
    code, details = failure(lambda: entities.StateAt(entities_pb2.StateAtRequest(category="counter", id="a"), timeout=10))
    assert code == CODES.UNIMPLEMENTED and "offers no snapshots" in details


def test_large_reads_end_however_fast_they_are_read(folder):
    with runtime(folder) as server:
        fill = json.dumps({"fill": "x" * 40_000})
        for _ in range(400):
            server.execute("counter", "a", "Increment", '{"amount":1}', metadata=fill)
        for _ in range(80):
            assert len(server.events("counter-a")) == 400
