"""Subscribe: following the store from any place, gapless and in order, while it is written to."""

import threading
import time
from pathlib import Path

import grpc
from harness import failure, runtime, subscriptions_pb2, subscriptions_pb2_grpc

CODES = grpc.StatusCode


def subscribe(server, timeout=60, channel=None, **fields):
    stub = subscriptions_pb2_grpc.SubscriptionsStub(channel or server.channel)
    return stub.Subscribe(subscriptions_pb2.SubscribeRequest(**fields), timeout=timeout)


def take(call, count):
    """The next `count` events, and the messages they came in."""
    events, messages = [], []
    while len(events) < count:
        messages.append(next(call))
        events += messages[-1].events
    assert len(events) == count
    return events, messages


def until_caught_up(call):
    messages = [next(call)]
    while not messages[-1].caught_up:
        messages.append(next(call))
    return [e for m in messages for e in m.events], messages


def test_from_the_beginning_then_live_without_gap_or_repetition(server):
    for i in range(50):
        server.execute("counter", str(i % 5), "Increment", '{"amount":1}')
    call = subscribe(server)
    events, messages = until_caught_up(call)
    assert [e.global_position for e in events] == list(range(50))
    assert events == server.all_events()
    assert (messages[-1].next, messages[-1].head) == (50, 50)
    for i in range(20):
        server.execute("counter", str(i % 5), "Increment", '{"amount":1}')
        live, _ = take(call, 1)
        assert live[0].global_position == 50 + i
    call.cancel()


def test_while_others_write_every_subscriber_sees_every_event_once_in_order(server):
    stop = threading.Event()

    def write(writer):
        for i in range(150):
            server.append(f"load-{writer}", *["A"] * (1 + i % 7))
        stop.set()

    calls = [subscribe(server) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in writers:
        thread.start()
    late = subscribe(server)
    for thread in writers:
        thread.join()
    expected = [e.id for e in server.all_events()]
    for call in [*calls, late, subscribe(server)]:
        events, _ = take(call, len(expected))
        assert [e.id for e in events] == expected
        call.cancel()


def test_starts_after_a_position_and_from_now(server):
    server.append("x-1", "A", "B", "C")
    assert [e.type for e in take(subscribe(server, after=0), 2)[0]] == ["B", "C"]
    assert [e.type for e in take(subscribe(server, **{"from": 2}), 1)[0]] == ["C"]
    call = subscribe(server, now=True)
    first = next(call)
    assert first.caught_up and not first.events and first.next == 3
    server.append("x-1", "D")
    assert [e.type for e in take(call, 1)[0]] == ["D"]
    code, details = failure(lambda: next(subscribe(server, **{"from": 5})))
    assert code == CODES.OUT_OF_RANGE and "beyond the head" in details


def test_filters_say_what_they_skipped_and_what_was_never_seen(server):
    server.append("counter-1", "A", "B")
    server.append("other-1", "A")
    server.append("counter-2", "B")
    call = subscribe(server, categories=["counter", "countr"], types=["B", "Typo"])
    events, messages = until_caught_up(call)
    assert [(e.stream, e.type) for e in events] == [("counter-1", "B"), ("counter-2", "B")]
    assert sum(m.skipped for m in messages) == 2 and messages[-1].next == 4
    assert list(messages[-1].unseen) == ["category countr", "type Typo"]
    for types in (["A"], ["A", "Typo"]):
        server.append("counter-1", *types)
    events, messages = take(call, 1)
    assert events[0].type == "Typo" and messages[-1].next == 7 and sum(m.skipped for m in messages) == 2
    streams, _ = until_caught_up(subscribe(server, streams=["other-1", "counter-2"]))
    assert [e.stream for e in streams] == ["other-1", "counter-2"]


def test_heartbeats_move_the_place_of_who_wants_rare_events(server):
    call = subscribe(server, categories=["rare"], heartbeat_interval_ms=100)
    assert next(call).caught_up
    server.append("common-1", *["A"] * 10)
    while (message := next(call)).next < 10:
        assert not message.events
    assert message.head == 10
    server.append("rare-1", "B")
    assert take(call, 1)[0][0].global_position == 10


def test_a_reader_that_stops_holds_up_nobody_and_loses_nothing(server):
    options = [("grpc.http2.lookahead_bytes", 65536), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.target, options=options) as channel:
        stuck = subscribe(server, channel=channel)
        data = '"' + "x" * 10000 + '"'
        for i in range(30):
            server.append("big-1", *["A"] * 100, data=data)  # 30 MB, far beyond every buffer
        other, _ = take(subscribe(server), 3000)
        assert len(other) == 3000
        server.append("big-1", "Z")
        events, _ = take(stuck, 3001)
        assert [e.global_position for e in events] == list(range(3001))


def test_goes_on_at_the_next_server_where_it_was(folder):
    with runtime(folder) as server:
        server.append("x-1", "A", "B")
        call = subscribe(server)
        events, messages = until_caught_up(call)
        server.process.terminate()
        code, details = failure(lambda: next(call))
        assert code == CODES.UNAVAILABLE and "shutting down" in details, details
        assert server.process.wait(60) == 0
    with runtime(folder) as server:
        server.append("x-1", "C")
        assert [e.type for e in take(subscribe(server, **{"from": messages[-1].next}), 1)[0]] == ["C"]


def wake_ups(server):
    """How often the threads of the server have gone to sleep, and so were woken."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/status")
    return sum(int(task.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0]) for task in tasks)


def test_many_idle_subscribers_wake_nobody(server):
    calls = [subscribe(server, categories=["rare"], timeout=120) for _ in range(300)]
    for call in calls:
        assert next(call).caught_up
    before = wake_ups(server)
    time.sleep(2)
    assert wake_ups(server) - before < len(calls)
    server.append("rare-1", "A")
    for call in calls:
        assert take(call, 1)[0][0].stream == "rare-1"
        call.cancel()


def test_bad_requests_name_the_field(server):
    for fields, text in [
        ({"categories": ["a-b"]}, "categories[0]"),
        ({"types": ["A", ""]}, "types[1]"),
        ({"streams": ["nodash"]}, "streams[0]"),
        ({"heartbeat_interval_ms": 5}, "heartbeat_interval_ms"),
        ({"types": [str(i) for i in range(1001)]}, "the filter has 1001"),
    ]:
        code, details = failure(lambda: next(subscribe(server, **fields)))
        assert code == CODES.INVALID_ARGUMENT and text in details, details
