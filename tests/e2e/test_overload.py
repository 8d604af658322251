"""Ten times as many commands at once as the runtime has room for: the rest is refused at once, what is accepted is true, memory stays bounded."""

import queue
import re
import threading

import grpc
from harness import add_module, commands_pb2, commands_pb2_grpc, runtime

REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
ROOM = 500  # commands that may wait: --queue-size with one shard
STREAMS = 4
BATCH = 500
UNDER_WAY = 10 * ROOM // STREAMS // BATCH + 1  # batches of one stream that are under way at any time
BATCHES = 60  # of one stream
ENTITIES = 50
MEMORY_BYTES_MAX = 512 << 20


class Load(threading.Thread):
    """One ExecuteStream that always has as many batches under way as it may."""

    def __init__(self, server, number, batches, under_way):
        super().__init__()
        self.channel = grpc.insecure_channel(server.target)
        self.number, self.batches, self.under_way = number, batches, under_way
        self.room = queue.Queue()
        self.accepted, self.failures, self.answered = [], {}, 0
        self.error = None
        self.start()

    def requests(self):
        for batch in range(self.batches):
            if batch >= self.under_way:
                self.room.get()
            commands = [
                commands_pb2.ExecuteStreamRequest.Command(
                    tag=batch * BATCH + index,
                    request=commands_pb2.ExecuteRequest(
                        category="counter", id=str((batch * BATCH + index) % ENTITIES), command="Increment", payload='{"amount":1}'
                    ),
                )
                for index in range(BATCH)
            ]
            yield commands_pb2.ExecuteStreamRequest(commands=commands)

    def run(self):
        try:
            with self.channel:
                for message in commands_pb2_grpc.CommandsStub(self.channel).ExecuteStream(self.requests(), timeout=300):
                    for answer in message.answers:
                        self.note(answer)
        except Exception as error:
            self.error = error

    def note(self, answer):
        self.answered += 1
        if self.answered % BATCH == 0:
            self.room.put(None)
        if answer.HasField("failure"):
            self.failures.setdefault(answer.failure.code, []).append(answer.failure.message)
        else:
            (event,) = answer.response.accepted.events
            self.accepted.append((event.stream, event.position, event.global_position))


def run_load(server, streams, batches, under_way):
    loads = [Load(server, number, batches, under_way) for number in range(streams)]
    for load in loads:
        load.join()
        assert load.error is None, load.error
        assert load.answered == batches * BATCH, "every command is answered, once"
    return loads


def resident_bytes(server, name="VmHWM"):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(status.split(name + ":")[1].split()[0]) << 10


def test_ten_times_the_capacity(tmp_path):
    add_module(tmp_path)
    with runtime(tmp_path, "--shards", "1", "--queue-size", str(ROOM)) as server:
        loads = run_load(server, STREAMS, BATCHES, UNDER_WAY)
        refused = [message for load in loads for message in load.failures.get(REFUSED, [])]
        assert all(set(load.failures) <= {REFUSED} for load in loads), [set(load.failures) for load in loads]
        accepted = sorted(event for load in loads for event in load.accepted)
        total = sum(load.answered for load in loads)
        print(f"{total} commands, {len(accepted)} accepted, {len(refused)} refused, peak {resident_bytes(server) >> 20} MiB")
        assert len(refused) > total / 20, "the test overloads"
        assert len(accepted) > ROOM, "and what there is room for is done"
        assert all("retry" in message for message in refused), refused[0]
        stored = sorted((e.stream, e.position, e.global_position) for id in range(ENTITIES) for e in server.events(f"counter-{id}"))
        assert stored == accepted, "what is stored is what was accepted, no more and no less"
        assert resident_bytes(server) < MEMORY_BYTES_MAX
        assert server.health() == 1

        # Afterwards everything within the capacity is accepted again.
        (after,) = run_load(server, 1, 20, 1)
        assert not after.failures and len(after.accepted) == 20 * BATCH


def test_callers_are_refused_early_rather_than_kept_waiting(tmp_path):
    add_module(tmp_path)
    under_way = 3
    assert STREAMS * under_way * BATCH < 8192, "they all fit into the queue"
    for wait_ms, refuses in ((1, True), (0, False)):
        with runtime(tmp_path, "--shards", "1", "--queue-wait-ms", str(wait_ms)) as server:
            loads = run_load(server, STREAMS, 20, under_way)
            refused = [message for load in loads for message in load.failures.get(REFUSED, [])]
            assert bool(refused) == refuses, (wait_ms, refused[:1])
            assert all(re.search("the command queue of shard-0 is (full|slower than it was)", message) for message in refused)
