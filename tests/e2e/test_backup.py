"""Backups of a running server's store, and stores made of them."""

import json
import threading
from pathlib import Path

import grpc
import pytest
from harness import add_module, admin_pb2, admin_pb2_grpc, commands_pb2, commands_pb2_grpc, failure, runtime, thalo


@pytest.fixture
def backups(tmp_path):
    return tmp_path / "backups"


def bytes_in(folder):
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def back_up(server, folder):
    answers = list(admin_pb2_grpc.AdminStub(server.channel).Backup(admin_pb2.BackupRequest(folder=folder), timeout=60))
    return answers[-1]


class Load(threading.Thread):
    """Executes commands until the server is gone, and keeps every acknowledged event."""

    def __init__(self, server, id):
        super().__init__()
        self.channel = grpc.insecure_channel(server.target)
        self.id = id
        self.acknowledged = []
        self.start()

    def run(self):
        stub = commands_pb2_grpc.CommandsStub(self.channel)
        while True:
            request = commands_pb2.ExecuteRequest(category="counter", id=self.id, command="Increment", payload='{"amount":3}')
            try:
                events = stub.Execute(request, timeout=30).accepted.events
            except grpc.RpcError:
                break
            self.acknowledged += [(e.global_position, e.id, e.stream, e.position, e.data) for e in events]
        self.channel.close()


def exported(text):
    events = [json.loads(line) for line in text.splitlines()]
    return [(e["global_position"], e["id"], e["stream"], e["position"], json.dumps(e["data"], separators=(",", ":"))) for e in events]


def test_backup_under_load_and_restore_elsewhere(folder, backups):
    with runtime(folder, "--backup-path", backups) as server:
        load = [Load(server, str(i)) for i in range(4)]
        while sum(len(one.acknowledged) for one in load) < 200:
            pass
        before = [list(one.acknowledged) for one in load]
        made = server.thalo("backup", "nightly", "--json")
        assert made.returncode == 0, made.stderr
        server.kill()
        for one in load:
            one.join()
    made = json.loads(made.stdout)
    acknowledged = sorted(event for one in before for event in one)
    assert made["number"] == 1 and made["events"] >= len(acknowledged)

    elsewhere = folder / "elsewhere"
    add_to = elsewhere / "store"
    elsewhere.mkdir()
    add_module(elsewhere)
    restored = thalo("restore", backups / "nightly", "-o", add_to, "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["events"] == made["events"]
    assert thalo("verify", "--store", add_to).returncode == 0
    assert thalo("verify", "--backup", backups / "nightly").returncode == 0
    copy = exported(thalo("export", "--store", add_to).stdout)
    assert [event[0] for event in copy] == list(range(made["events"])), "a gapless prefix"
    assert set(acknowledged) <= set(copy), "everything acknowledged before the backup is there"
    whole = exported(thalo("export", "--store", folder / "store").stdout)
    assert copy == whole[: len(copy)], "and nothing else, with the same ids"

    with runtime(elsewhere) as server:
        version = sum(event[2] == "counter-0" for event in copy)
        assert server.execute("counter", "0", "Increment", '{"amount":1}').accepted.version == version + 1
        assert server.thalo("verify").returncode == 0
    again = thalo("restore", backups / "nightly", "-o", add_to)
    assert again.returncode == 1 and "is not empty" in again.stderr


def test_the_second_backup_copies_what_is_new(folder, backups):
    with runtime(folder, "--backup-path", backups) as server:
        for i in range(40):
            server.execute("counter", "a", "Increment", '{"amount":1}', metadata=json.dumps({"fill": "%x" % (7 ** (20000 + i))}))
        server.stop()
    with runtime(folder, "--backup-path", backups) as server:
        first = back_up(server, "nightly")
        assert first.made.backup.size_bytes > 500_000 and first.copied_bytes > 500_000
        size = bytes_in(backups / "nightly")
        server.execute("counter", "a", "Increment", '{"amount":1}')
        second = back_up(server, "nightly")
        assert second.made.events == first.made.events + 1
        assert second.copied_bytes == bytes_in(backups / "nightly") - size < 50_000
        listed = [json.loads(line) for line in server.thalo("backups", "--name", "nightly", "--json").stdout.splitlines()]
        assert [(b["number"], b["events"]) for b in listed] == [(1, 40), (2, 41)]
    assert len(thalo("backups", backups / "nightly").stdout.splitlines()) == 2
    assert thalo("restore", backups / "nightly", "-o", folder / "first", "--number", "1").returncode == 0
    assert thalo("streams", "--store", folder / "first").stdout == "40  counter-a\n"
    assert thalo("backups", backups / "nightly", "--keep", "1", "--json").stdout.count("\n") == 1
    gone = thalo("restore", backups / "nightly", "-o", folder / "gone", "--number", "1")
    assert gone.returncode == 1 and "there is no backup 1 in" in gone.stderr


def test_a_client_cannot_write_anywhere_else(folder, backups):
    def everything():
        return {path for path in folder.rglob("*") if "store" not in path.parts and ".cache" not in path.parts}

    with runtime(folder) as server:
        code, details = failure(lambda: back_up(server, "nightly"))
        assert code == grpc.StatusCode.FAILED_PRECONDITION and "--backup-path" in details
        assert not backups.exists()
    with runtime(folder, "--backup-path", backups) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        backups.mkdir(exist_ok=True)
        (folder / "outside").mkdir()
        (backups / "link").symlink_to(folder / "outside")
        before = everything()
        for name in ("", ".", "..", "../outside", "a/b", "a/../../outside", "/tmp/outside", str(folder / "outside"), ".hidden", "a\0b", "a\nb", "ä", "a" * 65):
            code, details = failure(lambda name=name: back_up(server, name))
            assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith("folder: "), name
            stub = admin_pb2_grpc.AdminStub(server.channel)
            code, _ = failure(lambda name=name: stub.ListBackups(admin_pb2.ListBackupsRequest(folder=name), timeout=30))
            assert code == grpc.StatusCode.INVALID_ARGUMENT, name
        code, details = failure(lambda: back_up(server, "link"))
        assert code == grpc.StatusCode.FAILED_PRECONDITION and "symbolic link" in details
        assert everything() == before
        missing = server.thalo("backups", "--name", "never")
        assert missing.returncode == 1 and "there are no backups in" in missing.stderr


def test_a_damaged_backup_is_detected(folder, backups):
    with runtime(folder) as server:
        for i in range(20):
            server.execute("counter", "a", "Increment", '{"amount":1}', metadata=json.dumps({"fill": "%x" % (7 ** (20000 + i))}))
        server.stop()
    made = thalo("backup", "--store", folder / "store", "-o", backups, "--verify")
    assert made.returncode == 0 and "holds 20 events" in made.stdout and "Sound: 20 events" in made.stdout, made
    file = max(backups.rglob("*.sst"), key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    found = thalo("verify", "--backup", backups)
    assert found.returncode == 1 and "I12" in found.stdout and "is not what was copied" in found.stdout
    refused = thalo("restore", backups, "-o", folder / "restored")
    assert refused.returncode == 1 and "DATA_LOSS" in refused.stderr and "restore another backup" in refused.stderr
    assert thalo("streams", "--store", folder / "restored").returncode == 1


def test_wrong_uses_of_backup_say_what_is_wrong(folder, backups):
    with runtime(folder, "--backup-path", backups) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        assert server.thalo("backup").stdout.startswith("Backup 1 in store holds 1 events (")
        in_use = thalo("backup", "--store", folder / "store", "-o", folder / "out")
        assert in_use.returncode == 1 and "is in use by another process" in in_use.stderr
    alone = thalo("backup", "--store", folder / "store")
    assert alone.returncode == 1 and "--store and -o go together" in alone.stderr
    nothing = thalo("restore", folder / "modules", "-o", folder / "x")
    assert nothing.returncode == 1 and "there are no backups in" in nothing.stderr
    assert not (folder / "x").exists()
