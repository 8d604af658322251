"""Bad input of every kind: a clear error that names the field or file, nothing stored, nothing lost."""

import socket
import subprocess
import time

import grpc
import pytest
from harness import RUNTIME, add_module, events_pb2, events_pb2_grpc, failure, runtime, thalo

CODES = grpc.StatusCode


@pytest.mark.parametrize(
    "fields, code, text",
    [
        ({"category": "nobody"}, CODES.NOT_FOUND, "no aggregate named 'nobody' (loaded: counter)"),
        ({"category": ""}, CODES.INVALID_ARGUMENT, "aggregate name is empty"),
        ({"category": "cou nter"}, CODES.INVALID_ARGUMENT, "illegal character ' '"),
        ({"id": ""}, CODES.INVALID_ARGUMENT, "id is empty"),
        ({"id": "a\nb"}, CODES.INVALID_ARGUMENT, "id has a control character"),
        ({"id": "x" * 257}, CODES.INVALID_ARGUMENT, "id has 257 bytes; at most 256"),
        ({"command": ""}, CODES.INVALID_ARGUMENT, "command is empty"),
        ({"command": "Explode"}, CODES.INVALID_ARGUMENT, "Explode"),
        ({"payload": "{"}, CODES.INVALID_ARGUMENT, "payload is not valid JSON"),
        ({"payload": '{"amount":1} x'}, CODES.INVALID_ARGUMENT, "payload is not valid JSON"),
        ({"payload": "{}"}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": '{"amount":"ten"}'}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": '{"amount":-1}'}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": "[]"}, CODES.INVALID_ARGUMENT, "Increment"),
        ({"metadata": "1"}, CODES.INVALID_ARGUMENT, "metadata must be a JSON object"),
        ({"command_id": "x" * 257}, CODES.INVALID_ARGUMENT, "command_id has 257 bytes"),
    ],
)
def test_execute_names_the_field(server, fields, code, text):
    request = {"category": "counter", "id": "a", "command": "Increment", "payload": '{"amount":1}', **fields}
    got, details = failure(lambda: server.execute(**request))
    assert got == code and text in details, details
    assert server.events("counter-a") == []
    assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_bytes_that_are_no_message(server):
    call = server.channel.unary_unary("/thalo.v1.Commands/Execute")
    code, details = failure(lambda: call(b"\xff\xff\xff"))
    assert code == CODES.INVALID_ARGUMENT and "not a thalo.v1.ExecuteRequest message" in details


def test_unknown_method_and_service(server):
    assert failure(lambda: server.channel.unary_unary("/thalo.v1.Commands/Nothing")(b""))[0] == CODES.UNIMPLEMENTED
    assert failure(lambda: server.channel.unary_unary("/no.Service/Nothing")(b""))[0] == CODES.UNIMPLEMENTED


def test_message_too_large(folder):
    with runtime(folder, "--message-size-limit", "10000") as server:
        code, details = failure(lambda: server.execute("counter", "a", "Increment", '{"amount":1,"x":"' + "x" * 20000 + '"}'))
        assert code == CODES.RESOURCE_EXHAUSTED and "10000" in details
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_read_stream_names_the_field(server):
    code, details = failure(lambda: server.events("counter"))
    assert code == CODES.INVALID_ARGUMENT and "no '-'" in details
    stub = events_pb2_grpc.EventsStub(server.channel)
    assert list(stub.ReadStream(events_pb2.ReadStreamRequest(stream="counter-unknown"))) == []


def test_deadline_passed(folder):
    add_module(folder, "hostile")
    with runtime(folder, "--fuel-limit", "0", "--time-limit-ms", "3000") as server:
        code, _ = failure(lambda: server.execute("hostile", "a", "Spin", timeout=0.3))
        assert code == CODES.DEADLINE_EXCEEDED
        assert server.events("hostile-a") == []
        assert server.execute("hostile", "b", "Behave", timeout=60).accepted.version == 1


def test_a_bad_module_file_does_not_keep_the_others_from_serving(folder):
    (folder / "modules" / "junk.wasm").write_text("this is not wasm")
    (folder / "modules" / "core.wasm").write_bytes(b"\0asm\1\0\0\0")
    (folder / "modules" / "bad name!.wasm").write_bytes((folder / "modules" / "counter.wasm").read_bytes())
    (folder / "modules" / "notes.txt").write_text("ignored")
    with runtime(folder) as server:
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1
        for name in ("junk.wasm", "core.wasm", "bad name!.wasm"):
            assert f'module refused file="{folder}/modules/{name}"' in server.text()
        assert f'loaded module from file file="{folder}/modules/counter.wasm"' in server.text()


# Starting.


def refused_start(*arguments, env=None):
    done = subprocess.run([RUNTIME, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=env)
    assert "terminate called" not in done.stderr and "Backtrace" not in done.stderr
    return done.returncode, done.stderr


def flags(folder, store="store"):
    return ["-s", folder / store, "-m", folder / "modules", "--addr", "127.0.0.1:0"]


def test_unknown_flag_and_bad_values():
    for arguments, text in [
        (["--frobnicate"], "--frobnicate"),
        (["--cache-size", "many"], "--cache-size"),
        (["--cache-size", "0"], "--cache-size"),
        (["--cache-size", "-1"], "'-1' is negative"),
        (["--time-limit-ms", "-5"], "'-5' is negative"),
        (["--log", "loud"], "none of trace, debug, info"),
        (["--addr", "nonsense"], "not of the form host:port"),
        (["--config", "/no/such/file.toml"], "/no/such/file.toml"),
    ]:
        code, stderr = refused_start(*arguments)
        assert code == 2 and text in stderr, (arguments, code, stderr)


def test_store_opened_twice(folder, server):
    code, stderr = refused_start(*flags(folder))
    assert code == 1 and "in use by another process" in stderr, stderr
    assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_store_path_is_a_file(folder):
    (folder / "file").write_text("x")
    code, stderr = refused_start(*flags(folder, "file"))
    assert code == 1 and str(folder / "file") in stderr


def test_store_path_below_a_file(folder):
    (folder / "file").write_text("x")
    code, stderr = refused_start(*flags(folder, "file/store"))
    assert code == 1 and "file/store" in stderr


def test_folder_that_is_not_a_store(folder):
    (folder / "other").mkdir()
    (folder / "other" / "precious.txt").write_text("x")
    code, stderr = refused_start(*flags(folder, "other"))
    assert code == 1 and str(folder / "other") in stderr
    assert (folder / "other" / "precious.txt").read_text() == "x"


def test_address_in_use(folder, server):
    code, stderr = refused_start("-s", folder / "other-store", "-m", folder / "modules", "--addr", server.target)
    assert code == 1 and server.target in stderr and "in use" in stderr


def test_modules_path_is_a_file(folder):
    (folder / "file").write_text("x")
    code, stderr = refused_start("-s", folder / "store", "-m", folder / "file", "--addr", "127.0.0.1:0")
    assert code == 1 and str(folder / "file") in stderr


# Settings.


def test_flags_go_before_the_environment_before_the_file(folder):
    config = folder / "thalo.toml"
    config.write_text('log = "debug"\ncache-size = 7\nqueue-size = 9\naddr = ["127.0.0.1:0", "127.0.0.1:0"]\n')
    with runtime(folder, "--config", str(config)) as server:
        assert server.stop() == 0
        assert len(server.ports) == 1, "--addr on the command line goes before the file"
    config.write_text("cache-size = 0\n")
    code, stderr = refused_start(*flags(folder), "--config", config)
    assert code == 2 and "cache-size" in stderr
    with runtime(folder, "--config", str(config), env={"THALO_CACHE_SIZE": "5"}):
        pass
    with runtime(folder, env={"THALO_CONFIG": "", "THALO_CACHE_SIZE": "5"}, *["--cache-size", "6"]):
        pass
    for text, complaint in [("nonsense = 1\n", "unknown key 'nonsense'"), ("cache-size = \n", "line 1"), ("[cache]\nsize = 1\n", "cache")]:
        config.write_text(text)
        code, stderr = refused_start(*flags(folder), "--config", config)
        assert code == 2 and complaint in stderr, stderr


def test_several_addresses(folder):
    with runtime(folder, "--addr", "127.0.0.1:0") as server:
        end = time.monotonic() + 30
        while len(server.ports) < 2:  # each has a log line of its own
            assert time.monotonic() < end
            time.sleep(0.01)
        for port in server.ports:
            socket.create_connection(("127.0.0.1", port)).close()


# The command line.


def test_a_negative_number_never_switches_off_a_check(server):
    server.execute("counter", "a", "Increment", '{"amount":1}')
    for arguments in (
        ["execute", "counter", "a", "Increment", '{"amount":1}', "--expected-version", "-1"],
        ["append", "counter-a", "Incremented", '{"amount":1}', "--expected-version", "-1"],
        ["events", "counter-a", "--from", "-1"],
        ["export", "--from", "-1"],
        ["state", "counter", "a", "--version", "-1"],
        ["events", "counter-a", "--timeout-ms", "-1"],
    ):
        done = server.thalo(*arguments)
        assert done.returncode == 2 and "'-1' is negative" in done.stderr, (arguments, done)
    assert len(server.events("counter-a")) == 1


def test_command_line_errors():
    assert thalo().returncode == 2
    assert thalo("frobnicate").returncode == 2
    assert thalo("execute", "--url", "nonsense", "counter", "a", "Increment").returncode == 1
    assert "not of the form http://host:port" in thalo("execute", "--url", "nonsense", "counter", "a", "Increment").stderr
    assert thalo("--version").stdout.startswith("thalo ")
    for name in ("build", "execute", "events", "publish"):
        assert name in thalo("--help").stdout
        assert thalo(name, "--help").returncode == 0
    missing = thalo("publish", "counter", "/no/such/file.wasm")
    assert missing.returncode == 1 and "/no/such/file.wasm" in missing.stderr
