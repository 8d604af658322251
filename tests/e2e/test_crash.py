"""The real process killed under load, dozens of times: what clients were told is compared with what is stored."""

import os
import random
import threading
import time
from collections import defaultdict

import grpc
from harness import add_module, commands_pb2, commands_pb2_grpc, runtime

ROUNDS = int(os.environ.get("THALO_CRASH_ROUNDS", "30"))
CALLERS = 8
ENTITIES = 12


class Caller(threading.Thread):
    """Executes commands one after the other until the server is gone, and notes every answer."""

    def __init__(self, server, number, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.number = number
        self.channel = grpc.insecure_channel(server.target)
        self.accepted = []  # (entity, first position, global position, number of events)
        self.attempts = 0
        self.start()

    def run(self):
        stub = commands_pb2_grpc.CommandsStub(self.channel)
        while True:
            id = str(self.random.randrange(ENTITIES))
            amount = self.random.randrange(1, 100)
            command = self.random.choice(["Increment", "Increment", "Decrement"])
            try:
                self.attempts += 1
                answer = stub.Execute(
                    commands_pb2.ExecuteRequest(category="counter", id=id, command=command, payload='{"amount":%d}' % amount), timeout=30
                )
            except grpc.RpcError:
                break
            if answer.HasField("accepted"):
                for event in answer.accepted.events:
                    self.accepted.append((id, event.position, event.global_position, event.type, event.data))
        self.channel.close()


def test_killed_under_load(tmp_path):
    seed = int(os.environ.get("THALO_SEED", random.randrange(2**32)))
    print("seed", seed)
    dice = random.Random(seed)
    add_module(tmp_path)
    told = []
    for round in range(ROUNDS):
        with runtime(tmp_path) as server:
            callers = [Caller(server, n, dice.random()) for n in range(CALLERS)]
            time.sleep(dice.uniform(0.05, 0.4))
            server.kill()
            for caller in callers:
                caller.join()
                told += caller.accepted
    with runtime(tmp_path) as server:
        stored = {str(id): server.events(f"counter-{id}") for id in range(ENTITIES)}
        verify(told, stored)
        counts = {id: sum_of(events) for id, events in stored.items()}
        for id, count in counts.items():
            refused = server.execute("counter", id, "Decrement", '{"amount":%d}' % (count + 1))
            assert refused.HasField("rejected"), "state rebuilt from events differs from their sum"
    assert len(told) > ROUNDS * CALLERS, "the load was real"


def sum_of(events):
    import json

    return sum(json.loads(e.data)["amount"] * (1 if e.type == "Incremented" else -1) for e in events)


def verify(told, stored):
    globals_seen = defaultdict(int)
    for id, events in stored.items():
        assert [e.position for e in events] == list(range(len(events))), f"stream {id} has gaps"
        running = 0
        for event in events:
            globals_seen[event.global_position] += 1
            running += sum_of([event])
            assert running >= 0, "an event was accepted on top of one that was lost"
    assert sorted(globals_seen) == list(range(len(globals_seen))), "global positions have gaps"
    assert set(globals_seen.values()) == {1}
    for id, position, global_position, type, data in told:
        event = stored[id][position]
        assert (event.global_position, event.type, event.data) == (global_position, type, data), "an acknowledged event is not there"
