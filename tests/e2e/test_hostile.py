"""Guests that mean harm beside a healthy one, which must not notice. Their sources: tests/guests."""

import collections
import dataclasses
import re
import shutil
import threading
import time
from pathlib import Path

import grpc
import pytest
from harness import (
    BUILD,
    MODULES,
    add_module,
    commands_pb2,
    commands_pb2_grpc,
    entities_pb2,
    entities_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    failure,
    modules_pb2,
    modules_pb2_grpc,
    runtime,
)

CODES = grpc.StatusCode
CALLERS = 16
COUNTERS = 8
FLAGS = ("--time-limit-ms", "100")


@dataclasses.dataclass
class Harm:
    category: str
    command: str
    payload: str
    code: grpc.StatusCode  # None: an accepted command
    text: str  # what the error says
    works_again: str = "increment"  # what the entity takes afterwards; empty: it cannot work, and says why each time


    @property
    def is_endless(self):
        return self.text == "used more than"


def rough(command, code, text, payload="{}"):
    return Harm("rough", command, payload, code, text)


def hostile(command, code, text, payload="{}"):
    return Harm("hostile", command, payload, code, text, "Behave")


EXHAUSTED, REFUSED = CODES.RESOURCE_EXHAUSTED, CODES.FAILED_PRECONDITION
HARM = {
    "trap": rough("trap", REFUSED, "unreachable"),
    "endless_handle": rough("loop", EXHAUSTED, "used more than"),
    "memory_bomb": rough("grow", EXHAUSTED, "--memory-limit"),
    "deep_recursion": rough("recurse", None, "call stack exhausted"),
    "not_json": rough("bad-json", REFUSED, "not JSON"),
    "not_utf8": rough("bad-utf8", REFUSED, ""),
    "empty_type": rough("empty-type", REFUSED, "event type is empty"),
    "ten_thousand_events": rough("many", EXHAUSTED, "10000 events", "10000"),
    "ten_megabyte_event": rough("huge", EXHAUSTED, "--event-size-limit", "10485760"),
    "shared_text": rough("amplify", EXHAUSTED, "to the host at once", "1000000"),
    "list_beyond_memory": rough("bad-list", REFUSED, ""),
    "unknown_variant": rough("bad-variant", REFUSED, ""),
    "read_beyond_memory": rough("stray", REFUSED, "out of bounds"),
    "error_without_meaning": rough("bad-error", REFUSED, "cannot write its error"),
    "event_error_in_handle": rough("bad-event", REFUSED, "cannot read an event"),
    "cpp_trap": hostile("Trap", REFUSED, "unreachable"),
    "cpp_endless": hostile("Spin", EXHAUSTED, "used more than"),
    "cpp_memory_bomb": hostile("Eat", EXHAUSTED, "memory"),
    "cpp_deep_recursion": hostile("Recurse", None, ""),
    "cpp_ten_thousand_events": hostile("Many", EXHAUSTED, "10000", '{"events":10000}'),
    "cpp_ten_megabyte_event": hostile("Big", EXHAUSTED, "--event-size-limit", '{"bytes":10485760}'),
    "cpp_event_that_traps": hostile("Poison", REFUSED, "nothing is stored"),
    "endless_constructor": Harm("loopConstructor", "increment", '{"amount":1}', EXHAUSTED, "used more than", ""),
    "trapping_constructor": Harm("trapConstructor", "increment", '{"amount":1}', REFUSED, "unreachable", ""),
    "endless_apply": Harm("loopApply", "increment", '{"amount":1}', EXHAUSTED, "used more than", "nothing"),
    "import_of_nobody": Harm("stranger", "import", "{}", REFUSED, "nobody:has/this@9.0.0#now"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    add_module(folder)
    add_module(folder, "hostile")
    for component in (BUILD / "hostile").glob("*.wasm"):
        shutil.copy(component, folder / "modules")
    (folder / "modules" / "rough_corrected.wasm").unlink()
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with runtime(folder, *FLAGS, "--snapshot-events-of", "loopSnapshot=2,trapRestore=2", "--snapshot-interval-ms", "0") as started:
        yield started


@pytest.fixture(scope="module")
def patient_server(folder, tmp_path_factory):
    """Its limit of time is the usual one: whatever another limit shall stop gets there, also on a slow machine."""
    own = tmp_path_factory.mktemp("patient")
    shutil.copytree(folder / "modules", own / "modules")
    with runtime(own) as started:
        yield started


class Healthy:
    """Counters beside the harm: every answer is checked."""

    versions_of = collections.defaultdict(lambda: [0] * COUNTERS)  # by server

    @classmethod
    def work(cls, server, harmful):
        """Increments counters until the harmful calls are over, each at least once; the slowest answer, in seconds."""
        versions = cls.versions_of[server]
        slowest, done = 0.0, 0
        while done < COUNTERS or not all(call.done() for call in harmful):
            id = done % COUNTERS
            start = time.monotonic()
            answer = server.execute("counter", str(id), "Increment", '{"amount":1}', timeout=60)
            slowest = max(slowest, time.monotonic() - start)
            versions[id] += 1
            assert answer.accepted.version == versions[id]
            done += 1
        for id in range(COUNTERS):
            wrong = server.execute("counter", str(id), "Decrement", '{"amount":%d}' % (versions[id] + 1), timeout=60)
            assert f'"count":{versions[id]},' in wrong.rejected.error
        if harmful:
            print(f"slowest healthy command: {slowest * 1000:.0f} ms, {done} of them beside {len(harmful)} harmful ones")
        return slowest


def begin(server, category, id, command, payload="{}"):
    request = commands_pb2.ExecuteRequest(category=category, id=str(id), command=command, payload=payload)
    return commands_pb2_grpc.CommandsStub(server.channel).Execute.future(request, timeout=120)


def by_sixteen(server, harm):
    """All callers do harm at once, each to an entity of its own, while counters are used; what they were told."""
    calls = [begin(server, harm.category, id, harm.command, harm.payload) for id in range(CALLERS)]
    Healthy.work(server, calls)
    return [(call.code(), call.details() or "") for call in calls]


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_harm_by_sixteen_callers_is_told_and_the_entity_works_again(request, harm):
    server = request.getfixturevalue("server" if harm.is_endless else "patient_server")
    allowed = (harm.code,) if harm.code else (REFUSED, EXHAUSTED)
    before = [len(server.events(f"{harm.category}-{id}")) for id in range(CALLERS)]
    for code, details in by_sixteen(server, harm):
        assert code in allowed and harm.text in details, details
        assert harm.category in details or "module '" in details, "the error names whose fault it is"
        assert len(details) < 2000 and "0x" not in details, details
    assert [len(server.events(f"{harm.category}-{id}")) for id in range(CALLERS)] == before, "nothing of it is stored"
    for id in range(CALLERS):
        if harm.works_again:
            again = server.execute(harm.category, str(id), harm.works_again, '{"amount":1}', timeout=60)
            assert again.HasField("accepted")
        elif id < 2:
            assert failure(lambda: server.execute(harm.category, str(id), harm.command, harm.payload, timeout=60))[0] in allowed


def test_a_command_that_traps_now_and_then_costs_only_itself(server):
    calls = [begin(server, "trapThird", number % CALLERS, "increment", '{"amount":1}') for number in range(6 * CALLERS)]
    Healthy.work(server, calls)
    assert {call.code() for call in calls} <= {CODES.OK, REFUSED}
    accepted = [0] * CALLERS
    for number, call in enumerate(calls):
        accepted[number % CALLERS] += call.code() == CODES.OK
    assert 0 < sum(accepted) < len(calls)
    for id in range(CALLERS):
        assert [event.position for event in server.events(f"trapThird-{id}")] == list(range(accepted[id]))


def test_a_guest_that_remembers_has_only_the_state_of_its_events(server):
    """Its answers depend on what its instance has seen; what counts is what was stored."""
    calls = [begin(server, "fickle", number % CALLERS, "increment", '{"amount":7}') for number in range(4 * CALLERS)]
    Healthy.work(server, calls)
    stub = entities_pb2_grpc.EntitiesStub(server.channel)
    for id in range(CALLERS):
        answers = [event for call in calls[id::CALLERS] for event in call.result().accepted.events]
        stored = server.events(f"fickle-{id}")
        assert [event.id for event in stored] == [event.id for event in answers]
        total = sum(int("".join(c for c in event.data if c.isdigit())) for event in stored)
        state = stub.StateAt(entities_pb2.StateAtRequest(category="fickle", id=str(id)), timeout=30)
        assert (state.version, state.state) == (4, str(total))


def test_an_endless_snapshot_is_told_and_harms_no_command(server):
    calls = [begin(server, "loopSnapshot", number % CALLERS, "increment", '{"amount":1}') for number in range(5 * CALLERS)]
    Healthy.work(server, calls)
    assert {call.code() for call in calls} == {CODES.OK}
    stub = entities_pb2_grpc.EntitiesStub(server.channel)
    code, details = failure(lambda: stub.StateAt(entities_pb2.StateAtRequest(category="loopSnapshot", id="0"), timeout=60))
    assert code == EXHAUSTED and "used more than" in details, details
    for id in range(CALLERS):
        assert server.execute("loopSnapshot", str(id), "increment", '{"amount":1}', timeout=60).accepted.version == 6
    assert not stub.Describe(entities_pb2.DescribeEntityRequest(category="loopSnapshot", id="0"), timeout=30).HasField("snapshot_version")


def test_an_endless_destructor_harms_no_command(folder, tmp_path):
    add_module(tmp_path)
    shutil.copy(folder / "modules" / "loop_destructor.wasm", tmp_path / "modules")
    # A cache so small that entities are dropped all the time.
    with runtime(tmp_path, *FLAGS, "--cache-size", "4") as server:
        for turn in range(1, 3):
            for id in range(CALLERS):
                assert server.execute("loopDestructor", str(id), "increment", '{"amount":1}', timeout=60).accepted.version == turn
                assert server.execute("counter", str(id), "Increment", '{"amount":1}', timeout=60).accepted.version == turn


# Components that are none, or are too much.


def publish(server, name, component):
    request = modules_pb2.PublishRequest(name=name, component=component)
    return modules_pb2_grpc.ModulesStub(server.channel).Publish.future(request, timeout=120)


def test_a_component_malformed_at_any_byte_of_its_header_is_refused(folder, server):
    good = (MODULES / "counter.wasm").read_bytes()
    header = 8
    for flip in (0x01, 0x80, 0xFF):
        calls = [publish(server, "shop", good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]) for at in range(header)]
        calls += [publish(server, "shop", good[:size]) for size in range(header + 1)]
        Healthy.work(server, calls)
        for call in calls:
            assert call.code() == CODES.INVALID_ARGUMENT and "module 'shop'" in call.details(), call.details()
    # Behind the header: sections, of which some bytes may be changed without harm.
    calls = [publish(server, "other", good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]) for at in range(header, header + 24)]
    Healthy.work(server, calls)
    assert {call.code() for call in calls} <= {CODES.OK, CODES.INVALID_ARGUMENT}
    assert not (folder / "modules" / "shop.wasm").exists()
    assert failure(lambda: server.execute("shop", "a", "Increment"))[0] == CODES.NOT_FOUND


def leb128(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def padded(component, size):
    """The same component with a custom section that makes it larger than `size`."""
    section = b"\x03pad" + bytes(size)
    return component + b"\0" + leb128(len(section)) + section


def test_a_module_is_loaded_under_the_limits_of_its_commands(tmp_path):
    (tmp_path / "modules").mkdir()
    shutil.copy(BUILD / "hostile" / "rough.wasm", tmp_path / "modules")
    with runtime(tmp_path, "--memory-limit", str(1 << 20)) as server:
        assert re.search(r"module refused .*more than 1048576 bytes of memory \(limit --memory-limit\)", server.text())


def test_a_component_of_a_hundred_megabytes_is_refused_with_the_limit(tmp_path):
    add_module(tmp_path)
    huge = padded((MODULES / "counter.wasm").read_bytes(), 100_000_000)
    (tmp_path / "modules" / "huge.wasm").write_bytes(huge)
    with runtime(tmp_path, *FLAGS) as server:
        server.wait_for_log(f'module refused file="{tmp_path}/modules/huge.wasm"')
        assert "67108864" in server.text(), "the limit is named"
        calls = [publish(server, "huge", huge) for _ in range(2)]
        for call in calls:
            assert call.code() == EXHAUSTED and "33554432" in call.details(), call.details()
        assert server.execute("counter", "a", "Increment", '{"amount":1}').accepted.version == 1


# A stored event that traps.


def test_an_event_that_traps_makes_its_entity_unavailable_until_corrected_code_is_published(folder, tmp_path):
    add_module(tmp_path)
    shutil.copy(folder / "modules" / "rough.wasm", tmp_path / "modules")
    with runtime(tmp_path, *FLAGS) as server:
        for id in ("sick", "well"):
            for _ in range(5):
                server.execute("rough", id, "increment", '{"amount":2}')
        new = events_pb2.NewEvent(type="Trap", data="{}")
        events_pb2_grpc.EventsStub(server.channel).Append(events_pb2.AppendRequest(stream="rough-sick", events=[new]), timeout=30)

        def still_unavailable(server):
            calls = [begin(server, "rough", "sick", "report") for _ in range(CALLERS)]
            for call in calls:
                assert call.code() == REFUSED, call.details()
                for text in ("rough-sick is unavailable", "its event 5 (Trap)", "unreachable", "publish a module that can"):
                    assert text in call.details()
            assert server.execute("rough", "well", "report").accepted.events[0].data == "10"
            assert server.execute("counter", "a", "Increment", '{"amount":1}').HasField("accepted")

        still_unavailable(server)
        server.kill()
    with runtime(tmp_path, *FLAGS) as server:
        still_unavailable(server)
        published = publish(server, "rough", (BUILD / "hostile" / "rough_corrected.wasm").read_bytes()).result()
        assert published.version == 2
        assert server.execute("rough", "sick", "report").accepted.events[0].data == "10", "what came before and after is there"
        assert server.execute("rough", "well", "increment", '{"amount":1}').HasField("accepted")
        modules_pb2_grpc.ModulesStub(server.channel).Rollback(modules_pb2.RollbackRequest(name="rough"), timeout=60)
        code, details = failure(lambda: server.execute("rough", "sick", "report"))
        assert code == REFUSED and "its event 5 (Trap)" in details


def test_a_stored_event_whose_apply_never_ends_is_named_too(server):
    new = events_pb2.NewEvent(type="Incremented", data='{"amount":1}')
    stub = events_pb2_grpc.EventsStub(server.channel)
    stub.Append(events_pb2.AppendRequest(stream="loopApply-stored", events=[new]), timeout=30)
    calls = [begin(server, "loopApply", "stored", "nothing") for _ in range(4)]
    Healthy.work(server, calls)
    for call in calls:
        assert call.code() == EXHAUSTED and "its event 0 (Incremented)" in call.details(), call.details()
    assert server.execute("loopApply", "other", "nothing", timeout=60).HasField("accepted")


def test_a_snapshot_that_traps_when_it_is_restored_is_dropped_and_the_events_replayed(folder, tmp_path):
    add_module(tmp_path)
    shutil.copy(folder / "modules" / "trap_restore.wasm", tmp_path / "modules")
    flags = (*FLAGS, "--snapshot-events", "2", "--snapshot-interval-ms", "0")
    with runtime(tmp_path, *flags) as server:
        describe = entities_pb2.DescribeEntityRequest(category="trapRestore", id="a")
        count, snapshot = 0, 0
        while snapshot == 0:
            server.execute("trapRestore", "a", "increment", '{"amount":1}')
            count += 1
            snapshot = entities_pb2_grpc.EntitiesStub(server.channel).Describe(describe, timeout=10).snapshot_version
        assert server.stop() == 0
    with runtime(tmp_path, *flags) as server:
        assert server.execute("trapRestore", "a", "report").accepted.events[0].data == str(count)
        assert server.execute("counter", "a", "Increment", '{"amount":1}').HasField("accepted")


# Memory.


def resident_mb(server):
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the runtime has ended")


def settles_below(server, limit_mb):
    """Memory is given back by threads in their own time: waits for it, within reason."""
    end = time.monotonic() + 60
    while (now := resident_mb(server)) > limit_mb:
        assert time.monotonic() < end, f"{now:.0f} MB, and not below {limit_mb:.0f}"
        time.sleep(0.05)
    return now


def test_memory_returns_to_its_level(folder, tmp_path):
    shutil.copytree(folder / "modules", tmp_path / "modules")
    # Loops take time and no memory; all others in every round, several at once.
    rounds = [harm for name, harm in HARM.items() if "endless" not in name]
    with runtime(tmp_path, *FLAGS) as server:

        def one_round():
            for harm in rounds:
                calls = [begin(server, harm.category, id, harm.command, harm.payload) for id in range(4)]
                for call in calls:
                    call.exception()
            assert server.execute("counter", "a", "Increment", '{"amount":1}').HasField("accepted")

        one_round()
        level = resident_mb(server)
        for _ in range(4):
            one_round()
        after = settles_below(server, level + 48)
        print(f"{level:.0f} MB after a first round, {after:.0f} MB after four more")


def test_entities_that_leak_are_bounded_by_the_cache(folder, tmp_path):
    add_module(tmp_path)
    shutil.copy(folder / "modules" / "leaky.wasm", tmp_path / "modules")
    with runtime(tmp_path, *FLAGS, "--cache-size", "32") as server:

        def entities(first, last):
            for start in range(first, last, CALLERS):
                calls = [begin(server, "leaky", id, "increment", '{"amount":1}') for id in range(start, min(start + CALLERS, last))]
                assert [call.code() for call in calls] == [CODES.OK] * len(calls)
            assert server.execute("counter", "a", "Increment", '{"amount":1}').HasField("accepted")

        entities(0, 200)
        level = resident_mb(server)
        entities(200, 1000)  # 1,600 MB, if nothing were given back
        after = settles_below(server, level + 200)
        print(f"{level:.0f} MB after 200 entities, {after:.0f} MB after 1000")
        assert server.execute("leaky", "0", "report").accepted.events[0].data == "1"


def test_a_mixture_of_harm_and_the_healthy_one_does_not_notice(server):
    stop = threading.Event()
    done = []
    harms = [harm for harm in HARM.values() if harm.works_again]

    def harm(number):
        with grpc.insecure_channel(server.target) as channel:
            stub = commands_pb2_grpc.CommandsStub(channel)
            turn = number
            while not stop.is_set():
                chosen = harms[turn % len(harms)]
                turn += 1
                request = commands_pb2.ExecuteRequest(
                    category=chosen.category, id=f"m{number}", command=chosen.command, payload=chosen.payload
                )
                try:
                    stub.Execute(request, timeout=60)
                except grpc.RpcError as error:
                    done.append(error.code())

    callers = [threading.Thread(target=harm, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    slowest = 0.0
    while len(done) < 100:
        slowest = max(slowest, Healthy.work(server, []))
    stop.set()
    for caller in callers:
        caller.join()
    print(f"slowest healthy command: {slowest * 1000:.0f} ms, beside {len(done)} harmful ones of every kind")
    assert set(done) <= {REFUSED, EXHAUSTED}
    for number in range(CALLERS):
        assert server.execute("hostile", f"m{number}", "Behave", timeout=60).accepted.version == 1
