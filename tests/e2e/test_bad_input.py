"""Bad input of every kind: a clear error that names the field or file, nothing stored, nothing lost."""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from harness import CLI, RUNTIME, add_module, events_pb2, events_pb2_grpc, failure, runtime, thalo

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
        ({"payload": "{"}, CODES.INVALID_ARGUMENT, "payload is not valid JSON at byte 1"),
        ({"payload": '{"amount":1,}'}, CODES.INVALID_ARGUMENT, "payload is not valid JSON at byte 12"),
        ({"payload": '{"amount":1} x'}, CODES.INVALID_ARGUMENT, "payload is not valid JSON"),
        ({"payload": "{}"}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": '{"amount":"ten"}'}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": '{"amount":-1}'}, CODES.INVALID_ARGUMENT, "amount"),
        ({"payload": "[]"}, CODES.INVALID_ARGUMENT, "Increment"),
        ({"metadata": "1"}, CODES.INVALID_ARGUMENT, "metadata must be a JSON object"),
        ({"command_id": "x" * 257}, CODES.INVALID_ARGUMENT, "command_id has 257 bytes"),
        ({"expected_version": 2**64 - 1}, CODES.INVALID_ARGUMENT, "expected_version is 18446744073709551615"),
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


def peak_mib(server):
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[1]) >> 10


@pytest.mark.parametrize(
    "method, field",
    [
        ("Events/Append", b"\x1a\x00"),
        ("Commands/ExecuteStream", b"\x0a\x00"),
        ("Events/ReadAll", b"\x12\x00"),
        ("Commands/Execute", b"\x7a\x00"),  # a field that nobody knows
    ],
    ids=["events", "commands", "filter", "unknown"],
)
def test_a_request_of_millions_of_fields_costs_little_more_than_its_bytes(server, method, field):
    before = peak_mib(server)
    call = server.channel.stream_stream(f"/thalo.v1.{method}")
    code, details = failure(lambda: list(call(iter([field * 5_000_000]), compression=grpc.Compression.Gzip, timeout=60)))
    assert code == CODES.INVALID_ARGUMENT and "more than 200000 fields" in details, details
    assert peak_mib(server) - before < 200


def test_read_all_and_list_streams_keep_no_more_than_a_filter_may_have(server):
    stub = events_pb2_grpc.EventsStub(server.channel)
    code, details = failure(lambda: list(stub.ReadAll(events_pb2.ReadAllRequest(types=["A"] * 1001))))
    assert code == CODES.INVALID_ARGUMENT and "the filter has 1001 categories, types and streams" in details
    code, details = failure(lambda: list(stub.ReadAll(events_pb2.ReadAllRequest(categories=["no-category"]))))
    assert code == CODES.INVALID_ARGUMENT and "categories[0]" in details
    code, details = failure(lambda: list(stub.ListStreams(events_pb2.ListStreamsRequest(after="x" * 386))))
    assert code == CODES.INVALID_ARGUMENT and "after has 386 bytes" in details
    assert list(stub.ListStreams(events_pb2.ListStreamsRequest(after="x" * 385))) == []


def test_unknown_method_and_service(server):
    assert failure(lambda: server.channel.unary_unary("/thalo.v1.Commands/Nothing")(b""))[0] == CODES.UNIMPLEMENTED
    assert failure(lambda: server.channel.unary_unary("/no.Service/Nothing")(b""))[0] == CODES.UNIMPLEMENTED


def retry_advice(call):
    """What a failed call's trailers tell a client's retry policy; None: nothing, so it may retry."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return dict(error.value.trailing_metadata()).get("grpc-retry-pushback-ms")


def test_what_exceeds_a_limit_of_its_own_is_not_worth_a_retry(folder):
    add_module(folder, "hostile")
    with runtime(folder, "--message-size-limit", "10000", "--events-limit", "10", "--time-limit-ms", "100") as server:
        for command, payload in (("Spin", "{}"), ("Eat", "{}"), ("Many", '{"events":11}')):
            code, details = failure(lambda: server.execute("hostile", "a", command, payload))
            assert code == CODES.RESOURCE_EXHAUSTED, (command, code, details)
            assert retry_advice(lambda: server.execute("hostile", "a", command, payload)) == "-1", command
            shown = server.thalo("execute", "hostile", "a", command, payload)
            assert shown.returncode == 1 and "[RESOURCE_EXHAUSTED]" in shown.stderr, shown.stderr
            line = '{"category":"hostile","id":"a","command":"%s","payload":%s}' % (command, payload)
            many = subprocess.run([CLI, "execute", "-", "-u", f"http://{server.target}"], input=line, capture_output=True, text=True, timeout=60)
            assert '"code":"RESOURCE_EXHAUSTED","retryable":false' in many.stdout, many
        large = '{"amount":1,"x":"' + "x" * 20000 + '"}'
        assert retry_advice(lambda: server.execute("counter", "a", "Increment", large)) == "-1"
        shown = server.thalo("execute", "counter", "a", "Increment", large)
        assert shown.returncode == 1 and "[RESOURCE_EXHAUSTED]" in shown.stderr, shown.stderr
        # A lost race is.
        assert retry_advice(lambda: server.execute("counter", "a", "Increment", '{"amount":1}', expected_version=9)) is None
        raced = server.thalo("execute", "counter", "a", "Increment", '{"amount":1}', "--expected-version", "9")
        assert raced.returncode == 1 and "[ABORTED, retryable]" in raced.stderr


def test_the_slow_lane_names_the_limit_that_was_hit(folder):
    add_module(folder, "hostile")
    with runtime(folder, "--fast-lane-time-ms", "30", "--time-limit-ms", "200", "--fuel-limit", "0") as server:
        code, details = failure(lambda: server.execute("hostile", "a", "Spin"))
        assert code == CODES.RESOURCE_EXHAUSTED and "more than 200 ms (limit --time-limit-ms)" in details
        server.wait_for_log("moved to the slow lane")
        assert "more than 30 ms (limit --fast-lane-time-ms)" in server.text()


def test_traps_say_what_they_usually_mean(folder):
    add_module(folder, "hostile")
    with runtime(folder) as server:
        code, details = failure(lambda: server.execute("hostile", "a", "Recurse"))
        assert code == CODES.FAILED_PRECONDITION and ("128 KiB" in details or "512 KiB" in details) and "recursion" in details, details
        code, details = failure(lambda: server.execute("hostile", "a", "Trap"))
        assert code == CODES.FAILED_PRECONDITION and "the guest aborted: a panic" in details, details


def test_message_too_large(folder):
    with runtime(folder, "--message-size-limit", "10000") as server:
        code, details = failure(lambda: server.execute("counter", "a", "Increment", '{"amount":1,"x":"' + "x" * 20000 + '"}'))
        assert code == CODES.RESOURCE_EXHAUSTED and "at most 10000, its --message-size-limit" in details
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_a_message_may_be_as_large_as_its_limit_says(folder):
    limit = 100 << 20
    with runtime(folder, "--message-size-limit", str(limit)) as server:
        with grpc.insecure_channel(server.target, options=[("grpc.max_send_message_length", -1)]) as channel:
            event = events_pb2.NewEvent(type="A", data='"%s"' % ("x" * (limit - 1000)))
            appends = [events_pb2_grpc.EventsStub(channel).Append.future(events_pb2.AppendRequest(stream=f"x-{i}", events=[event])) for i in range(2)]
            assert ["an append to stream" in call.exception().details() for call in appends] == [True, True], "they are read, and then too large as appends"


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
        (["--cache-size", "100000000000"], "not in range 1 to 4294967295"),
        (["--cache-size", "-1"], "'-1' is negative"),
        (["--time-limit-ms", "-5"], "'-5' is negative"),
        *([[f"--{time}-ms", "10000000000000"], "not in range"] for time in ("drain-timeout", "queue-wait", "time-limit", "fast-lane-time", "snapshot-interval")),
        (["--log", "loud"], "none of trace, debug, info"),
        (["--addr", "nonsense"], "not of the form host:port"),
        (["--addr", "127.0.0.1:99999"], "ports are 0 to 65535"),
        (["--addr", "127.0.0.1:http"], "ports are 0 to 65535"),
        (["--config", "/no/such/file.toml"], "cannot read '/no/such/file.toml': No such file"),
        (["--config", "/tmp"], "'/tmp' is a folder"),
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


def test_a_pipe_or_a_device_in_the_modules_folder_is_refused_and_the_others_are_served(folder):
    os.mkfifo(folder / "modules" / "f.wasm")
    (folder / "modules" / "z.wasm").symlink_to("/dev/zero")
    with runtime(folder, seconds=60) as server:
        for name in ("f.wasm", "z.wasm"):
            assert f'{folder / "modules" / name} is no regular file"' in server.text()
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


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
        ["rollback", "counter", "--version", "-1"],
    ):
        done = server.thalo(*arguments)
        assert done.returncode == 2 and "'-1' is negative" in done.stderr, (arguments, done)
    greatest = str(2**64 - 1)
    for arguments in (
        ["execute", "counter", "a", "Increment", '{"amount":1}', "--expected-version", greatest],
        ["append", "counter-a", "Incremented", '{"amount":1}', "--expected-version", greatest],
    ):
        done = server.thalo(*arguments)
        assert done.returncode == 1 and f"expected_version is {greatest}" in done.stderr, (arguments, done)
    assert len(server.events("counter-a")) == 1


def test_a_time_too_long_to_count_with_is_refused_and_the_longest_works(folder):
    for beyond in (str(2**64 - 1), "31536000001"):
        for flag in ("time-limit-ms", "fast-lane-time-ms", "snapshot-interval-ms", "queue-wait-ms"):
            code, stderr = refused_start(*flags(folder, "/dev/null/none"), f"--{flag}", beyond)
            assert code == 2 and f"{beyond} not in range" in stderr, (flag, code, stderr)
        done = thalo("streams", "--timeout-ms", beyond)
        assert done.returncode == 2 and f"{beyond} not in range" in done.stderr, done
    for entry in ("auction=-1", "auction=", "=1"):
        code, stderr = refused_start(*flags(folder, "/dev/null/none"), "--snapshot-events-of", entry)
        assert code == 2 and f"'{entry}' is not of the form NAME=EVENTS" in stderr, (code, stderr)
    longest = "31536000000"
    with runtime(folder, "--time-limit-ms", longest, "--fast-lane-time-ms", longest, "--queue-wait-ms", longest) as server:
        done = server.thalo("execute", "counter", "a", "Increment", '{"amount":1}', "--timeout-ms", longest)
        assert done.returncode == 0, done.stderr


def test_the_number_0_is_no_version_and_no_backup(folder):
    for words in (["rollback", "counter", "--version", "0"], ["restore", folder, "-o", folder / "x", "--number", "0"], ["verify", "--backup", folder, "--number", "0"]):
        done = thalo(*words)
        assert done.returncode == 2 and "Value 0 not in range" in done.stderr, (words, done)


def test_an_empty_command_id_is_refused(server):
    lines = json.dumps({"category": "counter", "id": "a", "command": "Increment", "payload": {"amount": 1}})
    for words in (["counter", "a", "Increment", '{"amount":1}', "--command-id", ""], ["--lines", "-", "--command-ids", ""]):
        done = subprocess.run([CLI, "execute", "-u", f"http://{server.target}", *words], input=lines, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and f"{words[-2]}: is empty" in done.stderr, done
    assert server.events("counter-a") == []


def test_command_line_errors(folder):
    assert thalo().returncode == 2
    for word, advice in [("frobnicate", "no command 'frobnicate'"), ("exectue", "did you mean `thalo execute`?"), ("pub", "did you mean `thalo publish`?")]:
        unknown = thalo(word, "--json")
        assert unknown.returncode == 2 and advice in unknown.stderr and "thalo --help" in unknown.stderr, unknown
    for url in ("nonsense", "foo", "http://localhost", "localhost:99999", "localhost:0", "http://localhost:http"):
        wrong = thalo("execute", "--url", url, "counter", "a", "Increment")
        assert wrong.returncode == 2 and f"'{url}' is not of the form http://host:port" in wrong.stderr, wrong
        assert thalo("streams", env={**os.environ, "THALO_URL": url}).returncode == 2
    nowhere = thalo("build", "sp ace", cwd=folder)
    assert nowhere.returncode == 1 and "no folder 'sp ace'" in nowhere.stderr
    (folder / "sp ace").mkdir()
    (folder / "sp ace" / "a.cc").write_text("")
    spaced = thalo("build", "sp ace", cwd=folder)
    assert spaced.returncode == 1 and "has the illegal character ' '" in spaced.stderr and "--name" in spaced.stderr, spaced.stderr
    assert thalo("--version").stdout.startswith("thalo ")
    for name in ("build", "execute", "events", "publish"):
        assert name in thalo("--help").stdout
        assert thalo(name, "--help").returncode == 0
    short = thalo("execute", "counter", "a")
    assert short.returncode == 2 and "command is required" in short.stderr
    missing = thalo("publish", "counter", "/no/such/file.wasm")
    assert missing.returncode == 1 and "/no/such/file.wasm" in missing.stderr


def test_text_that_is_not_utf8_names_its_field(server):
    def run(*arguments):
        words = [CLI, arguments[0], "-u", f"http://{server.target}", *arguments[1:]]
        return subprocess.run(words, capture_output=True, timeout=60)

    for arguments, field in [
        (("execute", "counter", b"a\xff", "Increment"), b"id"),
        (("execute", "counter", "a", "Increment", b'{"amount":"\xff"}'), b"payload"),
        (("append", "audit-1", b"\xff"), b"type"),
        (("events", b"audit-\xff"), b"stream"),
        (("export", "--type", b"\xff"), b"types"),
        (("streams", "--category", b"\xff"), b"category"),
    ]:
        done = run(*arguments)
        assert done.returncode == 1 and done.stderr.startswith(b"error: " + field + b" is not valid UTF-8: "), done
        assert done.stderr.count(b"\n") == 1, "nothing but the one line"


def test_errors_of_the_command_line_give_the_reason(folder, server):
    nowhere = server.thalo("export", "-o", "/no/such/folder/x")
    assert nowhere.returncode == 1 and "cannot write /no/such/folder/x: No such file or directory [UNAVAILABLE]" in nowhere.stderr
    server.execute("counter", "a", "Increment", '{"amount":1}')
    beyond = server.thalo("events", "counter-a", "--from", "99")
    assert beyond.returncode == 0 and "from position 99 on: its newest is 0" in beyond.stderr
    assert "no events in stream counter-b" in server.thalo("events", "counter-b").stderr
    offset = server.thalo("execute", "counter", "a", "Increment", '{"amount":1,}')
    assert offset.returncode == 1 and "at byte 12" in offset.stderr
    spelling = server.thalo("publish", "Counter", folder / "modules" / "counter.wasm")
    assert spelling.returncode == 1 and "`thalo publish counter FILE`" in spelling.stderr, spelling.stderr


def test_two_files_that_serve_one_category_are_both_named(folder):
    add_module(folder, "counter", as_name="Counter")
    with runtime(folder) as server:
        assert "two files serve 'counter': Counter.wasm, which was first and is served, and counter.wasm, which is not" in server.text()
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


def test_output_that_cannot_be_written_is_a_failure(server):
    server.execute("counter", "a", "Increment", '{"amount":1}')
    for words in (["events", "counter-a"], ["streams"], ["export"], ["modules"], ["tail", "--no-follow"], ["execute", "counter", "a", "Increment", '{"amount":1}']):
        with open("/dev/full", "w") as full:
            done = subprocess.run([CLI, words[0], "-u", f"http://{server.target}", *words[1:]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1 and "cannot write standard output" in done.stderr, (words, done)
