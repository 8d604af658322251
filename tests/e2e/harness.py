"""Starts the built programs and talks to them over the network, as a user does."""

import atexit
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import grpc
from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ["THALO_BUILD"])
# The runtime may be another build, e.g. one with sanitizers.
RUNTIME = Path(os.environ.get("THALO_RUNTIME", BUILD / "bin" / "thalo-runtime"))
# Where runtimes share the code that they compile, so that one with sanitizers need not compile.
COMPILED = os.environ.get("THALO_COMPILED")
CLI = BUILD / "bin" / "thalo"
# How many seconds anything may take before it is taken for hanging: far more than it takes on a crowded machine under a sanitizer.
PATIENCE = 300
MODULES = BUILD / "modules"

PROTOS = [
    "thalo.proto",
    *(f"thalo/v1/{name}.proto" for name in ("admin", "commands", "entities", "events", "modules", "projections", "subscriptions")),
    "grpc/health/v1/health.proto",
]


def compile_protos():
    out = tempfile.mkdtemp(prefix="thalo-protos-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={out}", f"--grpc_python_out={out}", *PROTOS]
    assert protoc.main(arguments) == 0
    # The package `grpc` of the health proto would hide the library's: the two share one package path.
    sys.path.append(out)
    grpc.__path__.append(f"{out}/grpc")


compile_protos()

import thalo_pb2  # noqa: E402
import thalo_pb2_grpc  # noqa: E402
from grpc.health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from thalo.v1 import admin_pb2, admin_pb2_grpc  # noqa: E402
from thalo.v1 import commands_pb2, commands_pb2_grpc, entities_pb2, entities_pb2_grpc  # noqa: E402
from thalo.v1 import events_pb2, events_pb2_grpc, modules_pb2, modules_pb2_grpc  # noqa: E402
from thalo.v1 import projections_pb2, projections_pb2_grpc, subscriptions_pb2, subscriptions_pb2_grpc  # noqa: E402


def free_port():
    """A port that stays free for who listens at it later, or again: none of those that the system gives to whoever asks for any."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Runtime:
    """One thalo-runtime on a free port, with its log collected."""

    def __init__(self, folder, *flags, env=None, preexec=None, seconds=PATIENCE, cwd=None):
        self.folder = Path(folder)
        self.log = []
        self.ports = []
        self.process = subprocess.Popen(
            [RUNTIME, "-s", self.folder / "store", "-m", self.folder / "modules", "--addr", "127.0.0.1:0", *flags],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
            preexec_fn=preexec,
            cwd=cwd,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.listening = threading.Event()
        self.reader.start()
        if not self.listening.wait(seconds):
            self.process.kill()
        if not self.ports:
            self.reader.join(10)
            raise RuntimeError("not listening:\n" + self.text())
        self.channel = grpc.insecure_channel(self.target)

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r'listening addr="127\.0\.0\.1:(\d+)"', line):
                self.ports.append(int(found[1]))
                self.listening.set()
        self.listening.set()

    @property
    def target(self):
        return f"127.0.0.1:{self.ports[0]}"

    def text(self):
        return "".join(self.log)

    def wait_for_log(self, text, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while text not in self.text():
            assert time.monotonic() < end, f"no {text!r} in:\n{self.text()}"
            time.sleep(0.02)

    def stop(self):
        """SIGTERM; the exit code."""
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.reader.join(10)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.channel.close()
        self.reader.join(10)

    # gRPC

    def execute(self, category, id, command, payload="{}", timeout=PATIENCE, **fields):
        request = commands_pb2.ExecuteRequest(category=category, id=id, command=command, payload=payload, **fields)
        return commands_pb2_grpc.CommandsStub(self.channel).Execute(request, timeout=timeout)

    def events(self, stream, **fields):
        request = events_pb2.ReadStreamRequest(stream=stream, **fields)
        return [e for batch in events_pb2_grpc.EventsStub(self.channel).ReadStream(request, timeout=PATIENCE) for e in batch.events]

    def append(self, stream, *types, data="{}"):
        events = [events_pb2.NewEvent(type=type, data=data) for type in types]
        request = events_pb2.AppendRequest(stream=stream, events=events)
        return events_pb2_grpc.EventsStub(self.channel).Append(request, timeout=PATIENCE)

    def all_events(self):
        stub = events_pb2_grpc.EventsStub(self.channel)
        return [e for batch in stub.ReadAll(events_pb2.ReadAllRequest(), timeout=PATIENCE) for e in batch.events]

    @property
    def projections(self):
        return projections_pb2_grpc.ProjectionsStub(self.channel)

    def health(self, service=""):
        stub = health_pb2_grpc.HealthStub(self.channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status

    @property
    def command_center(self):
        return thalo_pb2_grpc.CommandCenterStub(self.channel)

    # The command line

    def thalo(self, *arguments):
        return thalo(*arguments[:1], "--url", f"http://{self.target}", *arguments[1:])


def thalo(*arguments, **options):
    return subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, **options)


@contextmanager
def runtime(folder, *flags, **options):
    server = Runtime(folder, *flags, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def wait_for(condition, what):
    """What `condition` answers once that is true."""
    end = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.001)
    return result


def failure(call):
    """The gRPC error of a call that must fail: (code, details)."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError(f"did not fail: {answer}")


def add_module(folder, name="counter", as_name=None):
    modules = Path(folder) / "modules"
    modules.mkdir(exist_ok=True)
    if COMPILED and not (modules / ".cache").exists():
        (modules / ".cache").symlink_to(COMPILED)
    (modules / f"{as_name or name}.wasm").write_bytes((MODULES / f"{name}.wasm").read_bytes())


def data(events):
    return [(e.type, json.loads(e.data)) for e in events]
