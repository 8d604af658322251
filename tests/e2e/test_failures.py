"""A store that cannot write any more, and a runtime that is asked to stop under load."""

import contextlib
import resource
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest
from harness import (
    RUNTIME,
    commands_pb2,
    commands_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    failure,
    health_pb2,
    health_pb2_grpc,
    runtime,
    subscriptions_pb2,
    subscriptions_pb2_grpc,
)


def limit_file_size(size):
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply


def test_a_cache_for_which_there_is_no_memory_is_refused(folder):
    def limit_memory():
        resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))

    words = ["-s", folder / "store", "-m", folder / "modules", "--addr", "127.0.0.1:0", "--cache-size", str(2**32 - 1)]
    done = subprocess.run([RUNTIME, *words], preexec_fn=limit_memory, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "there is not enough memory; a smaller --cache-size needs less" in done.stderr, done


def test_a_failed_write_poisons_the_store_until_restart(folder):
    with runtime(folder):
        pass  # the module is compiled and cached, so that only the store grows below
    payload = '{"amount":1}'
    accepted = 0
    with runtime(folder, preexec=limit_file_size(300_000)) as server:
        metadata = '{"fill":"%s"}' % ("x" * 5000)
        code = details = None
        for _ in range(200):
            try:
                server.execute("counter", "a", "Increment", payload, metadata=metadata)
                accepted += 1
            except grpc.RpcError as error:
                code, details = error.code(), error.details()
                break
        assert code == grpc.StatusCode.UNAVAILABLE, details
        assert 10 < accepted < 100
        code, details = failure(lambda: server.execute("counter", "b", "Increment", payload))
        assert code == grpc.StatusCode.UNAVAILABLE and "restart" in details, details
        # Reads go on; an answer that stores nothing is still true.
        assert len(server.events("counter-a")) == accepted
        assert server.execute("counter", "a", "Decrement", '{"amount":%d}' % (accepted + 1)).HasField("rejected")
        server.wait_for_log("the store refuses writes until the runtime is restarted")
        assert server.health() == health_pb2.HealthCheckResponse.NOT_SERVING
    with runtime(folder) as server:
        assert len(server.events("counter-a")) == accepted
        assert server.execute("counter", "a", "Increment", payload).accepted.version == accepted + 1


def limit_open_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_leave_the_store_the_files_it_needs(folder):
    limit = 256
    with runtime(folder, preexec=limit_open_files(limit, limit)) as server, contextlib.ExitStack() as idle:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        for _ in range(2 * limit):
            idle.enter_context(socket.create_connection(("127.0.0.1", server.ports[0])))
        server.wait_for_log("refusing connections: there are as many as allowed")
        # More than a buffer of the store and its log hold: new files are made.
        for _ in range(40):
            server.append("counter-b", "Noted", data='"%s"' % ("x" * 1_000_000))
        server.execute("counter", "a", "Increment", '{"amount":1}')
        assert len(server.events("counter-b")) == 40 and server.health() == health_pb2.HealthCheckResponse.SERVING
        assert "few files and connections may be open at once" in server.text()


def test_a_low_limit_of_open_files_is_raised_where_that_is_allowed(folder):
    enough = 16_384
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < enough:
        pytest.skip(f"the tests may not have more than {hard} files open themselves")
    with runtime(folder, preexec=limit_open_files(256, hard)) as server:
        soft, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert soft == enough
        assert "few files" not in server.text()


def test_sigterm_finishes_what_is_in_flight(folder):
    with runtime(folder) as server:
        stub = commands_pb2_grpc.CommandsStub(server.channel)
        calls = [
            stub.Execute.future(commands_pb2.ExecuteRequest(category="counter", id=str(i % 7), command="Increment", payload='{"amount":1}'))
            for i in range(500)
        ]
        while not any(call.done() for call in calls):
            time.sleep(0.001)
        server.process.send_signal(signal.SIGTERM)
        answers = [call.exception() for call in calls]
        accepted = sum(error is None for error in answers)
        assert accepted > 0
        # What was not taken any more says so, and may be sent again elsewhere.
        assert {error.code() for error in answers if error is not None} <= {grpc.StatusCode.UNAVAILABLE}
        assert server.process.wait(120) == 0
    with runtime(folder) as server:
        assert sum(len(server.events(f"counter-{i}")) for i in range(7)) == accepted


def test_sigterm_ends_open_streams_after_what_is_in_flight(folder):
    with runtime(folder) as server:
        release = threading.Event()

        def requests():
            yield commands_pb2.ExecuteStreamRequest(
                commands=[
                    commands_pb2.ExecuteStreamRequest.Command(
                        tag=tag, request=commands_pb2.ExecuteRequest(category="counter", id="a", command="Increment", payload='{"amount":1}')
                    )
                    for tag in range(500)
                ]
            )
            release.wait(60)

        watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        call = commands_pb2_grpc.CommandsStub(server.channel).ExecuteStream(requests())
        answers = list(next(call).answers)
        server.process.send_signal(signal.SIGTERM)
        code = None
        try:
            for response in call:
                answers += response.answers
        except grpc.RpcError as error:
            code = error.code()
        release.set()
        assert code == grpc.StatusCode.UNAVAILABLE
        accepted = [answer.tag for answer in answers if answer.response.HasField("accepted")]
        assert len(accepted) == 500
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert server.process.wait(120) == 0
    with runtime(folder) as server:
        assert len(server.events("counter-a")) == 500


def test_a_reader_that_is_still_behind_at_the_drain_timeout_is_told_to_go_elsewhere(folder):
    with runtime(folder, "--drain-timeout-ms", "500") as server:
        for stream in range(40):
            server.append(f"x-{stream}", *["A"] * 100, data='"' + "x" * 10_000 + '"')
        readers = [
            events_pb2_grpc.EventsStub(server.channel).ReadAll(events_pb2.ReadAllRequest()),
            subscriptions_pb2_grpc.SubscriptionsStub(server.channel).Subscribe(subscriptions_pb2.SubscribeRequest()),
        ]
        for reader in readers:
            next(reader)  # and no more, until the runtime has gone
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(120)
        for reader in readers:
            code, details = failure(lambda reader=reader: list(reader))
            assert code == grpc.StatusCode.UNAVAILABLE, details
