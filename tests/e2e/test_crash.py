"""The real process killed under load: every call and its answer is recorded and compared with what is stored."""

import json
import os
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import grpc
from harness import add_module, commands_pb2, commands_pb2_grpc, runtime

ROUNDS = int(os.environ.get("THALO_CRASH_ROUNDS", "25"))
CALLERS = 8
ACCOUNTS = 5


@dataclass
class Call:
    """A command that a client wants executed, and what it heard of it."""

    account: int
    command: str
    payload: str
    command_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = 0.0  # the first attempt
    sent: float = 0.0  # the attempt that was answered
    answered: float = 0.0
    attempts: int = 0
    answer: object = None


class Caller(threading.Thread):
    """Executes commands one after the other until the server is gone, beginning with the one it got no answer for."""

    def __init__(self, target, seed, unanswered):
        super().__init__()
        self.target = target
        self.random = random.Random(seed)
        self.unanswered = unanswered
        self.calls = []
        self.error = None
        self.start()

    def choose(self):
        account = self.random.randrange(ACCOUNTS)
        cents = self.random.randrange(1, 100)
        kind = self.random.random()
        if kind < 0.05:
            return Call(account, "OpenAccount", '{"owner":"o","initial_cents":%d}' % cents)
        # Withdrawals are as large as deposits: about half of them find too little.
        return Call(account, "DepositFunds" if kind < 0.4 else "WithdrawFunds", '{"cents":%d}' % cents)

    def run(self):
        try:
            with grpc.insecure_channel(self.target) as channel:
                stub = commands_pb2_grpc.CommandsStub(channel)
                while self.execute(stub, self.unanswered or self.choose()):
                    pass
        except Exception as error:
            self.error = error

    def execute(self, stub, call):
        self.unanswered = call
        call.sent = time.monotonic()
        call.started = call.started or call.sent
        call.attempts += 1
        try:
            call.answer = stub.Execute(
                commands_pb2.ExecuteRequest(
                    category="bankAccount", id=str(call.account), command=call.command, payload=call.payload, command_id=call.command_id
                ),
                timeout=60,
            )
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error
            return False
        call.answered = time.monotonic()
        self.calls.append(call)
        self.unanswered = None
        return True


def run_until(target, seeds, unanswered, stop):
    callers = [Caller(target, seed, call) for seed, call in zip(seeds, unanswered)]
    stop(callers)
    for caller in callers:
        caller.join()
        assert caller.error is None, caller.error
    return callers


def test_killed_under_load(tmp_path):
    seed = int(os.environ.get("THALO_SEED", random.randrange(2**32)))
    print("THALO_SEED", seed)
    dice = random.Random(seed)
    add_module(tmp_path, "bank_account")
    flags = ["--snapshot-events", "20", "--snapshot-interval-ms", "0"]
    calls, unanswered = [], [None] * CALLERS
    for _ in range(ROUNDS):
        with runtime(tmp_path, *flags) as server:
            goal = dice.randrange(5, 150)

            def kill(callers):
                while sum(len(caller.calls) for caller in callers) < goal and all(caller.is_alive() for caller in callers):
                    time.sleep(0.001)
                time.sleep(dice.uniform(0, 0.02))
                server.kill()

            callers = run_until(server.target, [dice.random() for _ in range(CALLERS)], unanswered, kill)
            calls += [call for caller in callers for call in caller.calls]
            unanswered = [caller.unanswered for caller in callers]
    with runtime(tmp_path, *flags) as server:
        stub = commands_pb2_grpc.CommandsStub(server.channel)
        for call in filter(None, unanswered):
            caller = Caller.__new__(Caller)
            caller.calls, caller.unanswered = [], call
            assert caller.execute(stub, call)
            calls += caller.calls
        stored = {account: server.events(f"bankAccount-{account}") for account in range(ACCOUNTS)}
    retried = [call for call in calls if call.attempts > 1]
    print(f"{len(calls)} calls, {len(retried)} of them again, {sum(map(len, stored.values()))} events")
    check_positions(stored)
    check_answers(calls, stored)
    check_order(calls)
    check_rejections(calls, stored)
    assert len(calls) > ROUNDS * 5, "the load was real"
    assert any(call.answer.accepted.repeated_command for call in retried), "some answers were lost and asked for again"
    assert any(call.answer.HasField("rejected") for call in calls)


def check_positions(stored):
    """Gapless in each stream and in the whole store."""
    for account, events in stored.items():
        assert [e.position for e in events] == list(range(len(events))), f"stream of {account} has gaps"
    positions = sorted(e.global_position for events in stored.values() for e in events)
    assert positions == list(range(len(positions)))


def command_id_of(event):
    return json.loads(event.metadata)["command_id"]


def check_answers(calls, stored):
    """Accepted means there, as it was told; rejected means not there; each command took effect once, whatever was lost on the way."""
    effects = Counter(command_id_of(event) for events in stored.values() for event in events)
    assert set(effects.values()) <= {1}, "a command took effect twice"
    for call in calls:
        if call.answer.HasField("accepted"):
            (told,) = call.answer.accepted.events
            assert told.position < len(stored[call.account]), f"an acknowledged event is lost: {call}"
            event = stored[call.account][told.position]
            assert (event.global_position, event.type, event.data) == (told.global_position, told.type, told.data), call
            assert command_id_of(event) == call.command_id, call
        else:
            assert effects[call.command_id] == 0, f"a rejected command is there: {call}"
    assert set(effects) <= {call.command_id for call in calls}, "every event comes from a command that somebody sent"


def check_order(calls):
    """What was answered before a command was sent stands before it, in its stream and in the whole store."""
    accepted = [call for call in calls if call.answer.HasField("accepted")]
    ends = sorted(accepted, key=lambda call: call.answered)
    highest, place = -1, 0
    for call in sorted(accepted, key=lambda call: call.started):
        while place < len(ends) and ends[place].answered < call.started:
            highest = max(highest, ends[place].answer.accepted.events[0].global_position)
            place += 1
        assert call.answer.accepted.events[0].global_position > highest, f"stored before what was answered earlier: {call}"


def states_of(events):
    """(open, balance) before each event and after the last."""
    states = [(False, 0)]
    for event in events:
        data = json.loads(event.data)
        is_open, balance = states[-1]
        if event.type == "AccountOpened":
            assert not is_open, "opened twice"
            states.append((True, data["initial_cents"]))
        else:
            assert is_open, "moved money before it was open"
            balance += data["cents"] if event.type == "FundsDeposited" else -data["cents"]
            assert balance >= 0, "an event was accepted on top of one that was lost"
            states.append((True, balance))
    return states


def check_rejections(calls, stored):
    """A rejection names a state that the account had, by stored events, at some moment of the call: none rests on events that were lost."""
    for account, events in stored.items():
        states = states_of(events)
        own = [call for call in calls if call.account == account]
        accepted = [(call.started, call.answered, call.answer.accepted.events[0].position) for call in own if call.answer.HasField("accepted")]
        for call in own:
            if not call.answer.HasField("rejected"):
                continue
            error = json.loads(call.answer.rejected.error)
            begin = max((position + 1 for _, answered, position in accepted if answered < call.sent), default=0)
            end = min((position for started, _, position in accepted if started > call.answered), default=len(events))
            possible = states[begin : end + 1]
            if error["type"] == "InsufficientFunds":
                assert (True, error["balance_cents"]) in possible, f"{call} rests on a balance that never was: {possible}"
            else:
                is_open = {"AccountAlreadyOpen": True, "AccountNotOpen": False}[error["type"]]
                assert any(state[0] == is_open for state in possible), f"{call} rests on events that are not there"
