"""src/net against Google's Python client, grpcio.

The server's address is in THALO_SERVER; the messages are generated here from proto/ (see CMakeLists.txt).
"""

import concurrent.futures
import importlib
import os
import sys
import tempfile
import threading

import grpc
import pytest
from grpc_tools import protoc


@pytest.fixture(scope="session")
def pb():
    """The generated modules of the test service."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proto")
    with tempfile.TemporaryDirectory() as out:
        # "grpc" is the name of the client library here, so the test's own package gets another.
        for name in ("empty", "messages", "test"):
            with open(f"{source}/grpc/testing/{name}.proto") as file:
                text = file.read().replace('import "grpc/testing/', 'import "')
            with open(f"{out}/{name}.proto", "w") as file:
                file.write(text)
        files = [f"{out}/{name}.proto" for name in ("empty", "messages", "test")]
        assert protoc.main(["protoc", f"--proto_path={out}", f"--python_out={out}", f"--grpc_python_out={out}", *files]) == 0
        sys.path.insert(0, out)
        try:
            yield tuple(importlib.import_module(name) for name in ("messages_pb2", "test_pb2_grpc", "empty_pb2"))
        finally:
            sys.path.remove(out)


@pytest.fixture(scope="session")
def channel():
    options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
    with grpc.insecure_channel(os.environ["THALO_SERVER"], options=options) as channel:
        yield channel


@pytest.fixture(scope="session")
def stub(pb, channel):
    return pb[1].TestServiceStub(channel)


@pytest.fixture(scope="session")
def messages(pb):
    return pb[0]


@pytest.fixture(scope="session")
def empty(pb):
    return pb[2].Empty()


def test_an_empty_call(stub, empty):
    assert stub.EmptyCall(empty) == empty


@pytest.mark.parametrize("size", [0, 1, 16384, 1 << 20, 3 << 20])
def test_payloads_of_every_size(stub, messages, size):
    request = messages.SimpleRequest(response_size=size, payload=messages.Payload(body=bytes(size)))
    assert len(stub.UnaryCall(request).payload.body) == size


def test_a_request_over_the_limit_is_refused_and_the_channel_goes_on(stub, messages, empty):
    request = messages.SimpleRequest(payload=messages.Payload(body=bytes(5 << 20)))
    with pytest.raises(grpc.RpcError) as error:
        stub.UnaryCall(request)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "4194304" in error.value.details()
    stub.EmptyCall(empty)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("compressed_answer", [False, True])
def test_gzip_in_either_direction(stub, messages, compression, compressed_answer):
    request = messages.SimpleRequest(
        response_size=100_000,
        payload=messages.Payload(body=b"x" * 100_000),
        response_compressed=messages.BoolValue(value=compressed_answer),
    )
    assert len(stub.UnaryCall(request, compression=compression).payload.body) == 100_000


def test_deflate_is_refused_with_what_is_known(stub, messages):
    request = messages.SimpleRequest(payload=messages.Payload(body=b"x" * 1000))
    with pytest.raises(grpc.RpcError) as error:
        stub.UnaryCall(request, compression=grpc.Compression.Deflate)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_status_message_keeps_every_character(stub, messages):
    text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈 100%\t\n"
    for code in range(1, 17):
        request = messages.SimpleRequest(response_status=messages.EchoStatus(code=code, message=text))
        with pytest.raises(grpc.RpcError) as error:
            stub.UnaryCall(request)
        assert error.value.code().value[0] == code
        assert error.value.details() == text


def test_metadata_comes_back_in_headers_and_trailers(stub, messages):
    metadata = [("x-grpc-test-echo-initial", "initial"), ("x-grpc-test-echo-trailing-bin", b"\x00\xab\xff")]
    _, call = stub.UnaryCall.with_call(messages.SimpleRequest(), metadata=metadata)
    assert dict(call.initial_metadata())["x-grpc-test-echo-initial"] == "initial"
    assert dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == b"\x00\xab\xff"


def test_unknown_methods_and_services_are_told_apart(pb, channel, empty):
    for stub, word in ((pb[1].TestServiceStub(channel), "method"), (pb[1].UnimplementedServiceStub(channel), "service")):
        with pytest.raises(grpc.RpcError) as error:
            stub.UnimplementedCall(empty)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert word in error.value.details()
        assert "UnimplementedCall" in error.value.details()


def test_a_deadline_passes_on_the_server(stub, messages):
    parameters = [messages.ResponseParameters(size=1, interval_us=60_000_000)]
    call = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters), timeout=0.05)
    with pytest.raises(grpc.RpcError) as error:
        list(call)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_server_streaming(stub, messages):
    sizes = [31415, 9, 2653, 58979, 0]
    parameters = [messages.ResponseParameters(size=size) for size in sizes]
    answers = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters))
    assert [len(answer.payload.body) for answer in answers] == sizes


def test_a_large_stream_with_a_slow_reader_arrives_whole(stub, messages):
    parameters = [messages.ResponseParameters(size=100_000) for _ in range(300)]
    answers = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters))
    pause = threading.Event()
    count = 0
    for answer in answers:
        assert len(answer.payload.body) == 100_000
        count += 1
        if count % 50 == 0:
            pause.wait(0.01)
    assert count == 300


def test_compressed_messages_in_a_stream(stub, messages):
    parameters = [messages.ResponseParameters(size=10_000, compressed=messages.BoolValue(value=index % 2 == 0)) for index in range(10)]
    answers = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters))
    assert [len(answer.payload.body) for answer in answers] == [10_000] * 10


def test_client_streaming(stub, messages):
    sizes = [27182, 8, 1828, 45904]
    requests = (messages.StreamingInputCallRequest(payload=messages.Payload(body=bytes(size))) for size in sizes)
    assert stub.StreamingInputCall(requests).aggregated_payload_size == sum(sizes)


def test_ping_pong(stub, messages):
    def requests():
        for size in range(100):
            yield messages.StreamingOutputCallRequest(response_parameters=[messages.ResponseParameters(size=size)])

    answers = stub.FullDuplexCall(requests())
    assert [len(answer.payload.body) for answer in answers] == list(range(100))


def test_half_duplex(stub, messages):
    requests = [messages.StreamingOutputCallRequest(response_parameters=[messages.ResponseParameters(size=size)]) for size in (3, 1, 2)]
    assert [len(answer.payload.body) for answer in stub.HalfDuplexCall(iter(requests))] == [3, 1, 2]


def test_cancelling_a_stream_leaves_the_channel_usable(stub, messages, empty):
    for _ in range(20):
        parameters = [messages.ResponseParameters(size=1000, interval_us=1000) for _ in range(1000)]
        answers = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters))
        next(answers)
        answers.cancel()
    stub.EmptyCall(empty)


def test_many_calls_at_once(stub, messages):
    def call(size):
        return len(stub.UnaryCall(messages.SimpleRequest(response_size=size)).payload.body)

    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        assert list(threads.map(call, range(2000))) == list(range(2000))
