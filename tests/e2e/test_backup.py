"""Backups of a running server's store, and stores made of them."""

import json
import threading
import time
from pathlib import Path

import grpc
import pytest
from harness import PATIENCE, add_module, admin_pb2, admin_pb2_grpc, commands_pb2, commands_pb2_grpc, failure, runtime, thalo


@pytest.fixture
def backups(tmp_path):
    return tmp_path / "backups"


def bytes_in(folder):
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def back_up(server, folder):
    answers = list(admin_pb2_grpc.AdminStub(server.channel).Backup(admin_pb2.BackupRequest(folder=folder), timeout=PATIENCE))
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
                events = stub.Execute(request, timeout=PATIENCE).accepted.events
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
            time.sleep(0.001)
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
        assert server.thalo("backup").stdout.startswith("Backup 1 in store holds 1 event (")
        in_use = thalo("backup", "--store", folder / "store", "-o", folder / "out")
        assert in_use.returncode == 1 and "is in use by another process" in in_use.stderr
    alone = thalo("backup", "--store", folder / "store")
    assert alone.returncode == 1 and "--store and -o go together" in alone.stderr
    nothing = thalo("restore", folder / "modules", "-o", folder / "x")
    assert nothing.returncode == 1 and "there are no backups in" in nothing.stderr
    assert not (folder / "x").exists()


def test_paths_may_be_relative_and_have_any_letters(folder):
    with runtime(folder, "--backup-path", "täglich", cwd=folder) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        made = server.thalo("backup")
        assert made.returncode == 0 and "holds 1 event" in made.stdout, made
        server.stop()
    for words in (
        ["verify", "--backup", "täglich/store"],
        ["backup", "--store", "store", "-o", "eigene ☃", "--verify"],
        ["backups", "eigene ☃"],
        ["restore", "täglich/store", "-o", "neu/ä b"],
        ["restore", "eigene ☃", "-o", "./zweites/"],
    ):
        done = thalo(*words, cwd=folder)
        assert done.returncode == 0, (words, done)
    for store in ("neu/ä b", "zweites"):
        assert thalo("streams", "--store", store, cwd=folder).stdout == "1  counter-a\n"


def test_restore_never_writes_where_something_is(folder, backups):
    with runtime(folder) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        server.stop()
    assert thalo("backup", "--store", folder / "store", "-o", backups).returncode == 0

    def refused(target, text):
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        done = thalo("restore", backups, "-o", target)
        assert done.returncode == 1 and text in done.stderr and done.stderr.count("\n") == 1, done
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    (folder / "file").write_text("x")
    refused(folder / "file", "is a file")
    refused(folder / "store", "is not empty")
    refused(backups, "is in the folder of the backups")
    refused(backups / "inside", "is in the folder of the backups")
    refused("/proc/nowhere", "cannot make the folder /proc/nowhere")
    # As a restore leaves it that was killed before its end.
    (folder / "half" / "rocksdb").mkdir(parents=True)
    refused(folder / "half", "a restore that was interrupted; remove it")
    for words in (["verify"], ["streams"]):
        half = thalo(*words, "--store", folder / "half")
        assert half.returncode == 1 and "no file STORE" in half.stderr and "restore a backup into another folder" in half.stderr
    # A store whose file STORE was deleted.
    (folder / "store" / "STORE").unlink()
    gone = thalo("verify", "--store", folder / "store")
    assert gone.returncode == 1 and "no file STORE" in gone.stderr and "restore a backup" in gone.stderr


def test_a_server_killed_while_it_makes_a_backup_spoils_neither(folder, backups):
    """Again and again, at moments of its own: the store keeps what was acknowledged, earlier backups stay sound, the next one is made."""
    acknowledged = 0
    for round in range(4):
        with runtime(folder, "--backup-path", backups) as server:
            for i in range(60):
                server.execute("counter", "a", "Increment", '{"amount":1}', metadata=json.dumps({"fill": "%x" % (7 ** (20000 + i))}))
                acknowledged += 1
            if round == 0:
                assert server.thalo("backup").returncode == 0
            call = admin_pb2_grpc.AdminStub(server.channel).Backup(admin_pb2.BackupRequest(folder="store"), timeout=60)
            load = Load(server, "b")
            if round % 2:
                while not any((backups / "store").glob("private/*.tmp")) and call.is_active():
                    pass
            server.kill()
            load.join()
            list(failure_or_answers(call))
        assert thalo("verify", "--backup", backups / "store", "--number", "1").returncode == 0
        assert thalo("verify", "--store", folder / "store").returncode == 0
    with runtime(folder, "--backup-path", backups) as server:
        assert len(server.events("counter-a")) == acknowledged
        made = server.thalo("backup", "--json")
        assert made.returncode == 0, made.stderr
        server.stop()
    restored = thalo("restore", backups / "store", "-o", folder / "restored", "--json")
    assert json.loads(restored.stdout)["events"] == json.loads(made.stdout)["events"] >= acknowledged
    assert thalo("verify", "--store", folder / "restored").returncode == 0


def failure_or_answers(call):
    try:
        yield from call
    except grpc.RpcError:
        pass


def test_folders_that_cannot_be_written_are_named(folder, tmp_path):
    with runtime(folder, "--backup-path", "/proc/backups") as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        done = server.thalo("backup")
        assert done.returncode == 1 and "/proc/backups" in done.stderr and "retryable" not in done.stderr, done.stderr
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 2
        server.stop()
    done = thalo("backup", "--store", folder / "store", "-o", folder / "modules")
    assert done.returncode == 1 and "holds no backups but other files (" in done.stderr
    done = thalo("backup", "--store", folder / "modules", "-o", folder / "out")
    assert done.returncode == 1 and "is not a Thalo store" in done.stderr and not (folder / "out").exists()
