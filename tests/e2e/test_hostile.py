"""A guest that means harm beside a healthy one, which must not notice."""

import threading
import time

import grpc
import pytest
from harness import add_module, commands_pb2, commands_pb2_grpc, failure, runtime

CODES = grpc.StatusCode

HARM = [
    ("Trap", "{}", CODES.FAILED_PRECONDITION, "unreachable"),
    ("Spin", "{}", CODES.RESOURCE_EXHAUSTED, "used more than"),
    ("Eat", "{}", CODES.RESOURCE_EXHAUSTED, "memory"),
    ("Recurse", "{}", None, ""),
    ("Many", '{"events":5000}', CODES.RESOURCE_EXHAUSTED, "5000"),
    ("Big", '{"bytes":3000000}', CODES.RESOURCE_EXHAUSTED, "1048576"),
    ("Poison", "{}", CODES.FAILED_PRECONDITION, "nothing is stored"),
]


@pytest.fixture
def server(folder):
    add_module(folder, "hostile")
    with runtime(folder, "--time-limit-ms", "300") as started:
        yield started


@pytest.mark.parametrize("command, payload, code, text", HARM, ids=[harm[0] for harm in HARM])
def test_each_harm_has_a_clear_error_and_the_entity_works_again(server, command, payload, code, text):
    server.execute("hostile", "a", "Behave")
    got, details = failure(lambda: server.execute("hostile", "a", command, payload))
    assert got in ((code,) if code else (CODES.FAILED_PRECONDITION, CODES.RESOURCE_EXHAUSTED)), details
    assert text in details, details
    assert len(details) < 2000 and "0x" not in details
    again = server.execute("hostile", "a", "Behave")
    assert again.accepted.events[0].data == '{"text":"1"}', "the state is that of the stored events"
    assert len(server.events("hostile-a")) == 2


def test_sixteen_callers_do_harm_and_the_healthy_one_does_not_notice(server):
    stop = threading.Event()
    done = []

    def harm(number):
        with grpc.insecure_channel(server.target) as channel:
            stub = commands_pb2_grpc.CommandsStub(channel)
            turn = number
            while not stop.is_set():
                command, payload, _, _ = HARM[turn % len(HARM)]
                turn += 1
                request = commands_pb2.ExecuteRequest(category="hostile", id=str(number), command=command, payload=payload)
                try:
                    stub.Execute(request, timeout=60)
                except grpc.RpcError as error:
                    done.append(error.code())

    callers = [threading.Thread(target=harm, args=(number,)) for number in range(16)]
    for caller in callers:
        caller.start()
    slowest = 0.0
    versions = [0] * 8
    while len(done) < 100:
        for id in range(8):
            start = time.monotonic()
            answer = server.execute("counter", str(id), "Increment", '{"amount":1}', timeout=60)
            slowest = max(slowest, time.monotonic() - start)
            versions[id] += 1
            assert answer.accepted.version == versions[id]
    stop.set()
    for caller in callers:
        caller.join()
    print(f"slowest healthy command: {slowest * 1000:.0f} ms, {sum(versions)} of them beside {len(done)} harmful ones")
    assert set(done) <= {CODES.FAILED_PRECONDITION, CODES.RESOURCE_EXHAUSTED}
    for id in range(8):
        assert server.execute("counter", str(id), "Decrement", '{"amount":%d}' % (versions[id] + 1)).HasField("rejected")
    for number in range(16):
        assert server.execute("hostile", str(number), "Behave", timeout=60).accepted.version == 1
