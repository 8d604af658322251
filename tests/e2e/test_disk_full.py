"""Disks that are really full: small file systems in memory. Mounting one needs rights that not every machine gives; without them these are skipped."""

import json
import subprocess
import tempfile
from contextlib import contextmanager

import grpc
import pytest
from harness import add_module, failure, health_pb2, runtime, thalo


@contextmanager
def small_disk(size):
    with tempfile.TemporaryDirectory(prefix="thalo-disk-") as path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True, capture_output=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", path], check=True)


def grow(path, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", path], check=True)


def can_mount():
    try:
        with small_disk("1m"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


FILL = json.dumps({"fill": "%x" % (7**60000)})


def increment(server, **fields):
    return server.execute("counter", "a", "Increment", '{"amount":1}', **fields)


needs_mount = pytest.mark.skipif(not can_mount(), reason="this machine does not let us mount a small file system")


@needs_mount
def test_a_full_disk_loses_nothing_that_was_acknowledged():
    with small_disk("24m") as disk:
        add_module(disk)
        accepted = 0
        with runtime(disk) as server:
            code = details = None
            for _ in range(2000):
                try:
                    increment(server, metadata=FILL)
                    accepted += 1
                except grpc.RpcError as error:
                    code, details = error.code(), error.details()
                    break
            assert code == grpc.StatusCode.UNAVAILABLE and "No space left on device" in details, details
            assert accepted > 50
            code, details = failure(lambda: increment(server))
            assert code == grpc.StatusCode.UNAVAILABLE and "restart" in details
            assert len(server.events("counter-a")) == accepted, "reads go on"
            server.wait_for_log("the store refuses writes until the runtime is restarted")
            assert server.health() == health_pb2.HealthCheckResponse.NOT_SERVING
            server.kill()
        grow(disk, "96m")
        assert thalo("verify", "--store", f"{disk}/store").returncode == 0
        with runtime(disk) as server:
            assert len(server.events("counter-a")) == accepted
            assert increment(server).accepted.version == accepted + 1


@needs_mount
def test_a_full_disk_of_backups_does_not_touch_the_store(folder):
    with small_disk("1m") as disk, runtime(folder, "--backup-path", disk) as server:
        for _ in range(50):
            increment(server, metadata=FILL)
        full = server.thalo("backup")
        assert full.returncode == 1 and "No space left on device" in full.stderr, full.stderr
        assert increment(server).accepted.version == 51
        assert server.health() == health_pb2.HealthCheckResponse.SERVING
        assert server.thalo("backups").stdout == ""
        grow(disk, "64m")
        made = server.thalo("backup")
        assert made.returncode == 0 and "holds 51 events" in made.stdout, made
        with small_disk("1m") as target:
            full = thalo("restore", f"{disk}/store", "-o", f"{target}/store")
            assert full.returncode == 1 and "No space left on device" in full.stderr, full.stderr
            assert "try again" in full.stderr and "another backup" not in full.stderr, full.stderr
