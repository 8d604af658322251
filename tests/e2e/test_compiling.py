"""Modules are compiled in a process of their own: what becomes of the runtime when that one ends, and the other way round."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import grpc
import pytest
from harness import BUILD, RUNTIME, add_module, failure, modules_pb2, modules_pb2_grpc, runtime, wait_for

CODES = grpc.StatusCode
SLOW = (BUILD / "hostile" / "compiling" / "slow.wasm").read_bytes()


def custom_section(text):
    return b"\0" + bytes([len(text) + 2, 1]) + b"v" + text


def publish(server, component):
    request = modules_pb2.PublishRequest(name="slow", component=component)
    return modules_pb2_grpc.ModulesStub(server.channel).Publish.future(request, timeout=120)


def stat(pid):
    """A process's name, its state and its parent; nothing once it is gone."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except OSError:
        return "", "", 0
    return name, rest.split()[0], int(rest.split()[1])


def cores():
    """As many as this process may use, of the machine and of its container's share."""
    allowed = len(os.sched_getaffinity(0))
    share = Path("/sys/fs/cgroup/cpu.max")
    quota, period = share.read_text().split() if share.exists() else ("max", 1)
    return allowed if quota == "max" else min(allowed, max(1, int(quota) // int(period)))


def state(pid):
    return stat(pid)[1]


def compilers(pid):
    """The compilers of a runtime that are at work: they have their name once they have their limits."""
    found = {int(entry.name): stat(entry.name) for entry in Path("/proc").glob("[0-9]*")}
    return [child for child, (name, _, parent) in found.items() if parent == pid and name == "thalo-compiler"]


def stopped_compiler(pid):
    """The compiler of the runtime, stopped in the middle of its work, so that it never ends by itself."""
    [compiler] = wait_for(lambda: compilers(pid), "compiler")
    with contextlib.suppress(ProcessLookupError):
        os.kill(compiler, signal.SIGSTOP)
    wait_for(lambda: state(compiler) in ("T", "Z", ""), "stop")
    return compiler


def publish_until_compiling(server):
    """A call that publishes and its compiler, stopped. One that was done before it was seen is followed by another version."""
    for version in range(20):
        call = publish(server, SLOW + custom_section(b"%d" % version))
        if wait_for(lambda: compilers(server.process.pid) or call.done(), "compiler") is not True:
            compiler = stopped_compiler(server.process.pid)
            if state(compiler) == "T":
                return call, compiler
        assert call.exception() is None
    raise AssertionError("every compiler was done before it was seen")


def test_a_killed_compiler_fails_its_publish_and_the_next_one_works(server):
    call, compiler = publish_until_compiling(server)
    assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1, "commands go on meanwhile"
    os.kill(compiler, signal.SIGKILL)
    assert call.code() == CODES.UNAVAILABLE, call.details()
    assert "module 'slow'" in call.details() and "killed from outside (SIGKILL)" in call.details()
    assert state(compiler) == "", "it was waited for"
    assert failure(lambda: server.execute("slow", "a", "increment", '{"amount":1}'))[0] == CODES.NOT_FOUND
    assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 2

    assert publish(server, SLOW).result().version == 1
    assert server.execute("slow", "a", "increment", '{"amount":1}').accepted.version == 1


def test_stopping_does_not_wait_for_a_compiler(server):
    call, compiler = publish_until_compiling(server)
    server.process.send_signal(signal.SIGTERM)
    assert call.code() == CODES.UNAVAILABLE and "the server is stopping" in call.details(), call.details()
    assert server.process.wait(60) == 0
    assert state(compiler) == ""


@contextlib.contextmanager
def compiling_start(tmp_path):
    """A runtime that starts, and its compiler, stopped."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "slow.wasm").write_bytes(SLOW)
    starting = subprocess.Popen(
        [RUNTIME, "-s", tmp_path / "store", "-m", modules, "--addr", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    )
    try:
        yield starting, stopped_compiler(starting.pid)
    finally:
        starting.kill()


def test_a_start_that_compiles_can_be_stopped(tmp_path):
    with compiling_start(tmp_path) as (starting, compiler):
        starting.send_signal(signal.SIGTERM)
        log = starting.communicate(timeout=60)[1]
    assert starting.returncode == 0 and "stopped before serving" in log, log
    assert state(compiler) == ""


def test_a_start_whose_compiler_is_killed_fails_rather_than_serves_without_the_module(tmp_path):
    with compiling_start(tmp_path) as (starting, compiler):
        os.kill(compiler, signal.SIGKILL)
        log = starting.communicate(timeout=60)[1]
    assert starting.returncode not in (0, None) and "slow.wasm" in log and "killed from outside (SIGKILL)" in log, log


def test_a_compiler_ends_with_its_runtime(server):
    _, compiler = publish_until_compiling(server)
    server.kill()
    wait_for(lambda: state(compiler) in ("", "Z"), "end of the compiler")


def test_a_compiler_yields_to_the_runtime_and_shows_what_it_is(server):
    _, compiler = publish_until_compiling(server)
    of_runtime = Path(f"/proc/{server.process.pid}")
    of_compiler = Path(f"/proc/{compiler}")
    assert os.getpriority(os.PRIO_PROCESS, compiler) == 19
    assert f"RAYON_NUM_THREADS={max(1, cores() // 2)}".encode() in (of_compiler / "environ").read_bytes().split(b"\0")
    assert (of_compiler / "cmdline").read_bytes().startswith(b"thalo-runtime\0compile-component\0")
    assert (of_compiler / "comm").read_text() == "thalo-compiler\n"
    assert int((of_compiler / "oom_score_adj").read_text()) == 1000
    assert os.path.samefile(of_compiler / "exe", of_runtime / "exe")
    open_files = [os.readlink(fd) for fd in (of_compiler / "fd").iterdir()]
    assert not [file for file in open_files if file.startswith("socket:") or str(server.folder) in file]


@pytest.mark.skipif(not {"asan", "tsan", "fuzz"}.isdisjoint(RUNTIME.resolve().parts), reason="a build with sanitizers needs more address space")
def test_a_compiler_has_limits(server):
    _, compiler = publish_until_compiling(server)
    limits = Path(f"/proc/{compiler}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert found["Max address space"] == ["4294967296"] * 2
    assert found["Max cpu time"] == ["600", "601"]
    assert found["Max core file size"] == ["0", "0"]


def test_calling_the_compiler_by_hand_says_that_it_is_for_the_runtime(tmp_path):
    add_module(tmp_path)
    done = subprocess.run([RUNTIME, "compile-component"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "the runtime itself calls this" in done.stderr
    assert "compile-component" not in subprocess.run([RUNTIME, "--help"], capture_output=True, text=True, timeout=60).stdout
