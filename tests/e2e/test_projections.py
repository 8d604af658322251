"""Projections: a durable place, at least once, in order per stream, groups, failures, and the services of Thalo 0.8."""

import queue
import threading
import time
from collections import defaultdict

import grpc
import pytest
from harness import failure, projections_pb2, runtime, thalo_pb2, thalo_pb2_grpc

CODES = grpc.StatusCode
Request = projections_pb2.ProjectRequest


class Member:
    """One call of Project."""

    def __init__(self, server, name, **join):
        self.requests = queue.SimpleQueue()
        self.requests.put(Request(join=Request.Join(name=name, **join)))
        self.call = server.projections.Project(iter(self.requests.get, None), timeout=300)
        self.first = next(self.call)
        self.batches = {}

    def batch(self):
        batch = next(self.call)
        self.batches[batch.batch] = batch
        return batch

    def take(self, count):
        """The next `count` events; the last message's batch is `self.newest`."""
        events = []
        while len(events) < count:
            self.newest = self.batch()
            events += self.newest.events
        assert len(events) == count, [e.global_position for e in events]
        return events

    def ack(self, position, batch=None):
        self.requests.put(Request(acknowledge=Request.Acknowledge(global_position=position, batch=batch)))

    def ack_newest(self):
        self.ack(self.newest.events[-1].global_position, self.newest.batch)

    def fail(self, event, reason, batch=None):
        position = event.global_position
        self.requests.put(Request(fail=Request.Fail(global_position=position, batch=batch, reason=reason)))

    def leave(self):
        self.requests.put(None)
        for _ in self.call:
            pass

    def error(self):
        code, details = failure(lambda: list(self.call))
        self.requests.put(None)
        return code, details


def get(server, name):
    return server.projections.Get(projections_pb2.GetProjectionRequest(name=name), timeout=30)


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return value


def wait_for(server, name, position, timeout=120):
    request = projections_pb2.WaitForRequest(name=name, global_position=position)
    return server.projections.WaitFor(request, timeout=timeout)


def test_what_was_acknowledged_is_not_sent_again_and_the_rest_is(server):
    server.append("x-1", *"ABCDE")
    member = Member(server, "p")
    assert (member.first.cursor, member.first.head, member.first.batch) == (0, 5, 0)
    assert [e.type for e in member.take(5)] == list("ABCDE")
    member.ack(2)
    assert wait_for(server, "p", 2).cursor == 3
    member.call.cancel()  # dies with two events in hand
    again = Member(server, "p")
    assert again.first.cursor == 3
    assert [e.type for e in again.take(2)] == ["D", "E"]
    again.ack_newest()
    again.leave()  # what was said before is heard
    server.append("x-1", "F")
    assert [e.type for e in Member(server, "p").take(1)] == ["F"]


def test_a_place_survives_restart_and_kill(folder):
    with runtime(folder) as server:
        server.append("x-1", *"ABCD")
        member = Member(server, "p", categories=["x"])
        member.take(4)
        member.ack(1)
        wait_for(server, "p", 1)
        assert server.stop() == 0
    with runtime(folder) as server:
        member = Member(server, "p", categories=["x"])
        assert member.first.cursor == 2
        assert [e.type for e in member.take(2)] == ["C", "D"]
        member.ack(2)
        wait_for(server, "p", 2)
        # The answer of Pause comes when the place is durable.
        server.projections.Pause(projections_pb2.PauseProjectionRequest(name="p"), timeout=30)
        server.kill()
    with runtime(folder) as server:
        found = get(server, "p")
        assert (found.cursor, found.paused, list(found.filters[0].categories)) == (3, True, ["x"])
        member = Member(server, "p", categories=["x"])
        server.projections.Resume(projections_pb2.ResumeProjectionRequest(name="p"), timeout=30)
        assert [e.type for e in member.take(1)] == ["D"]


def test_the_window_limits_what_is_unacknowledged(server):
    server.append("x-1", *["A"] * 10)
    member = Member(server, "p", window_events=3)
    assert [e.global_position for e in member.take(3)] == [0, 1, 2]
    assert until(lambda: get(server, "p").members[0].unacknowledged == 3)
    member.ack(0)
    assert [e.global_position for e in member.take(1)] == [3]
    member.ack(3)
    assert [e.global_position for e in member.take(3)] == [4, 5, 6]


def test_two_filters_for_one_name_are_refused_with_both(server):
    member = Member(server, "p", categories=["counter"], types=["A"])
    with pytest.raises(grpc.RpcError) as refused:
        Member(server, "p", categories=["bank"])
    assert refused.value.code() == CODES.FAILED_PRECONDITION
    assert "category counter, type A" in refused.value.details() and "category bank" in refused.value.details()
    assert Member(server, "p", types=["A", "A"], categories=["counter"]).first.batch == 0  # the same, said otherwise
    assert list(member.first.unseen) == ["category counter"]


def test_types_that_no_event_has_are_said_when_everything_was_read(server):
    server.append("counter-1", *"AB")
    member = Member(server, "p", categories=["counter", "countr"], types=["A", "Typo"])
    assert list(member.first.unseen) == ["category countr"]
    member.take(1)
    said = member.batch()
    assert (list(said.unseen), said.batch, said.head) == (["type Typo"], 0, 2)
    info = get(server, "p")
    assert list(info.unseen) == ["category countr", "type Typo"]
    assert (info.delivered, info.skipped, info.failures) == (1, 1, 0)
    shown = server.thalo("projections", "p").stdout
    assert "no event yet of category countr,type Typo" in shown and "1 event delivered, 1 left out by the filter, 0 failures" in shown
    server.append("countr-1", "Typo")
    assert member.take(1)[0].type == "Typo"
    assert not get(server, "p").unseen and "no event yet" not in server.thalo("projections", "p").stdout


def test_acknowledging_what_was_not_sent_to_this_member_ends_its_call(server):
    server.append("x-1", *"AB")
    member = Member(server, "p", window_events=1)
    member.take(1)
    member.ack(1)
    code, details = member.error()
    assert code == CODES.FAILED_PRECONDITION and "was not sent to this member" in details, details
    one, other = Member(server, "q"), Member(server, "q")
    for i in range(40):
        server.append(f"y-{i}", "A")
    info = until(lambda: (lambda i: i if sum(m.unacknowledged for m in i.members) == 42 else None)(get(server, "q")))
    own = sorted(e.global_position for e in other.take(info.members[1].unacknowledged))
    foreign = min(e.global_position for e in one.take(info.members[0].unacknowledged))
    assert foreign < own[-1]
    other.ack(foreign)
    code, details = other.error()
    assert code == CODES.FAILED_PRECONDITION and "was sent to another member" in details, details


@pytest.mark.parametrize(
    "position, batch, text",
    [(0, 9, "batch 9 was not sent"), (0, 0, "batch 0 was not sent"), (7, 1, "was not sent to this member in batch 1")],
)
def test_a_wrong_batch_is_refused(server, position, batch, text):
    server.append("x-1", "A")
    member = Member(server, "p")
    member.take(1)
    member.ack(position, batch)
    code, details = member.error()
    assert code == CODES.FAILED_PRECONDITION and text in details, details


class Worker(threading.Thread):
    """Handles what it is sent as a well-behaved consumer does, and notes it in `handled`, shared by all workers."""

    def __init__(self, server, name, handled, die_after=None):
        super().__init__(daemon=True)
        self.member = Member(server, name, window_events=20)
        self.handled, self.die_after = handled, die_after

    def run(self):
        try:
            while True:
                batch = self.member.batch()
                for event in batch.events:
                    self.handled.append((event.stream, event.position, event.global_position, id(self)))
                    if self.die_after is not None and len(self.handled) >= self.die_after:
                        return self.member.call.cancel()
                self.member.ack(batch.events[-1].global_position, batch.batch)
        except grpc.RpcError:
            pass
        finally:
            self.member.requests.put(None)


def check_order(handled):
    """Each stream's events were handled in order: an event again only after a loss, and none before the one before it."""
    done = defaultdict(set)
    for stream, position, _, _ in list(handled):
        assert position == 0 or position - 1 in done[stream], (stream, position)
        done[stream].add(position)


def test_a_group_shares_streams_and_loses_nothing_when_members_come_and_go(server):
    handled = []
    workers = [Worker(server, "group", handled) for _ in range(3)]
    doomed = Worker(server, "group", handled, die_after=200)
    for worker in [*workers, doomed]:
        worker.start()
    total = 0
    for i in range(120):
        server.append(f"s-{i % 17}", *["A"] * 10)
        total += 10
        if i == 60:
            workers.append(Worker(server, "group", handled))
            workers[-1].start()
            workers[0].member.call.cancel()
    wait_for(server, "group", total - 1)
    check_order(handled)
    assert {g for _, _, g, _ in handled} == set(range(total))
    assert len({who for *_, who in handled}) >= 3, "the work was not shared"
    for worker in workers:
        worker.member.call.cancel()


def test_killing_the_runtime_in_the_middle_loses_nothing_and_keeps_order(folder):
    handled, total = [], 0
    for round in range(3):
        with runtime(folder) as server:
            workers = [Worker(server, "group", handled) for _ in range(2)]
            for worker in workers:
                worker.start()
            before = len(handled)
            for i in range(20):
                server.append(f"s-{i % 5}", *["A"] * 500)
                total += 500
            until(lambda: len(handled) > before + 1000)
            server.kill()
            for worker in workers:
                worker.join(30)
    with runtime(folder) as server:
        worker = Worker(server, "group", handled)
        worker.start()
        wait_for(server, "group", total - 1)
        worker.member.call.cancel()
    check_order(handled)
    assert {g for _, _, g, _ in handled} == set(range(total))


POLICY = projections_pb2.FailurePolicy(attempts_max=3, backoff_first_ms=10, backoff_max_ms=50, parked_streams_max=100)


def test_a_failing_stream_is_retried_then_parked_and_others_go_on(folder):
    with runtime(folder) as server:
        server.append("bad-1", *"ABC")
        server.append("good-1", *"AB")
        member = Member(server, "p", policy=POLICY)
        first = member.take(5)
        member.fail(first[0], "no such table", member.newest.batch)
        member.ack_newest()  # what came behind it in its stream is withdrawn, not acknowledged
        for attempt in (2, 3):
            (again,) = member.take(1)
            assert (again.stream, again.type) == ("bad-1", "A")
            member.fail(again, f"attempt {attempt}", member.newest.batch)
        held = until(lambda: [h for h in get(server, "p").held if h.parked])[0]
        assert (held.stream, held.position, held.global_position, held.attempts) == ("bad-1", 0, 0, 3)
        assert held.error == "attempt 3"
        assert get(server, "p").cursor == 5
        server.append("bad-1", "D")
        server.append("good-1", "C")
        assert [(e.stream, e.type) for e in member.take(1)] == [("good-1", "C")]
        member.ack_newest()
        assert wait_for(server, "p", 6).held
        # It is durable: parked, with everything behind it, after a kill.
        server.projections.Pause(projections_pb2.PauseProjectionRequest(name="p"), timeout=30)
        server.kill()
    with runtime(folder) as server:
        assert [h.stream for h in get(server, "p").held] == ["bad-1"]
        server.projections.Resume(projections_pb2.ResumeProjectionRequest(name="p"), timeout=30)
        member = Member(server, "p")
        retry = projections_pb2.RetryProjectionRequest(name="p", stream="bad-1")
        assert server.projections.Retry(retry, timeout=30).streams == 1
        (again,) = member.take(1)
        assert again.type == "A"
        member.ack_newest()
        assert [e.type for e in member.take(3)] == list("BCD")
        server.append("bad-1", "E")
        member.ack_newest()
        assert [e.type for e in member.take(1)] == ["E"]
        member.ack_newest()
        until(lambda: not get(server, "p").held)


def test_an_event_that_can_never_be_handled_is_skipped_by_hand(server):
    server.append("bad-1", *"ABC")
    once = projections_pb2.FailurePolicy(attempts_max=1, backoff_max_ms=10, parked_streams_max=10)
    member = Member(server, "p", policy=once)
    events = member.take(3)
    member.fail(events[1], "poison", member.newest.batch)  # A counts as done
    held = until(lambda: list(get(server, "p").held))[0]
    assert held.parked and held.global_position == 1

    def skip(position, stream="bad-1"):
        request = projections_pb2.SkipEventRequest(name="p", stream=stream, global_position=position)
        return server.projections.Skip(request, timeout=30)

    code, details = failure(lambda: skip(2))
    assert code == CODES.FAILED_PRECONDITION and "global position 1" in details
    assert failure(lambda: skip(1, "good-1"))[0] == CODES.NOT_FOUND
    skip(1)
    assert [e.type for e in member.take(1)] == ["C"]
    member.ack_newest()
    until(lambda: get(server, "p").cursor == 3 and not get(server, "p").held)


def test_too_many_parked_streams_stop_the_projection_rather_than_drop(server):
    once = projections_pb2.FailurePolicy(attempts_max=1, backoff_max_ms=10, parked_streams_max=2)
    member = Member(server, "p", policy=once, window_events=1)
    for i in range(4):
        server.append(f"bad-{i}", "A")
    for i in range(2):
        (event,) = member.take(1)
        member.fail(event, "down")
    info = until(lambda: (lambda i: i if i.stopped else None)(get(server, "p")))
    assert "2 streams are held (2 of them parked)" in info.stopped and info.cursor == 2
    server.projections.Retry(projections_pb2.RetryProjectionRequest(name="p"), timeout=30)
    for _ in range(4):
        member.take(1)
        member.ack_newest()
    until(lambda: get(server, "p").cursor == 4 and not get(server, "p").held)


def test_operating_a_projection(server):
    service = server.projections
    server.append("x-1", *"ABCD")
    assert failure(lambda: get(server, "p"))[0] == CODES.NOT_FOUND
    member = Member(server, "p", categories=["x"])
    member.take(4)
    member.ack(1)
    wait_for(server, "p", 1)
    listed = service.List(projections_pb2.ListProjectionsRequest(), timeout=30).projections
    assert [p.name for p in listed] == ["p"]
    assert (listed[0].cursor, listed[0].head, listed[0].lag_events) == (2, 4, 2) and listed[0].lag_ms > 0
    assert listed[0].members[0].unacknowledged == 2 and listed[0].members[0].member.startswith("127.0.0.1:")

    service.Pause(projections_pb2.PauseProjectionRequest(name="p"), timeout=30)
    member.ack(3)
    wait_for(server, "p", 3)
    server.append("x-1", "E")
    assert get(server, "p").lag_events == 1
    service.Resume(projections_pb2.ResumeProjectionRequest(name="p"), timeout=30)
    assert [e.type for e in member.take(1)] == ["E"]
    member.ack_newest()
    assert wait_for(server, "p", 4).cursor == 5

    service.Reset(projections_pb2.ResetProjectionRequest(name="p", position=3), timeout=30)
    assert [e.type for e in member.take(2)] == ["D", "E"]
    service.Reset(projections_pb2.ResetProjectionRequest(name="p"), timeout=30)
    assert [e.type for e in member.take(5)] == list("ABCDE")
    service.Reset(projections_pb2.ResetProjectionRequest(name="p", now=True), timeout=30)
    until(lambda: get(server, "p").cursor == 5)
    code, details = failure(lambda: service.Reset(projections_pb2.ResetProjectionRequest(name="p", position=9), timeout=30))
    assert code == CODES.OUT_OF_RANGE and "beyond the head, 5" in details

    service.Delete(projections_pb2.DeleteProjectionRequest(name="p"), timeout=30)
    code, details = member.error()
    assert code == CODES.NOT_FOUND and "was deleted" in details
    assert Member(server, "p").first.cursor == 0  # a new one, with another filter


def test_a_member_of_rare_events_hears_where_it_is(server):
    member = Member(server, "rarely", categories=["rare"])
    server.append("common-1", *["A"] * 20)
    beat = member.batch()
    assert (beat.batch, len(beat.events), beat.HasField("resets")) == (0, 0, False)
    assert beat.cursor == beat.head == 20
    member.leave()


def test_wait_for_reads_your_own_writes_and_has_a_deadline(server):
    member = Member(server, "p", categories=["counter"])
    mine = server.execute("counter", "a", "Increment", '{"amount":1}').accepted.events[0].global_position
    code, _ = failure(lambda: wait_for(server, "p", mine, timeout=0.3))
    assert code == CODES.DEADLINE_EXCEEDED
    member.take(1)
    member.ack(mine)
    assert wait_for(server, "p", mine).cursor == mine + 1
    # Events of others pass by without anybody acknowledging them.
    server.append("other-1", *"ABC")
    assert wait_for(server, "p", mine + 3).cursor == mine + 4
    assert failure(lambda: wait_for(server, "nobody", 0))[0] == CODES.NOT_FOUND


def test_begins_at_a_place_or_now(server):
    server.append("x-1", *"ABC")
    assert [e.type for e in Member(server, "from", **{"from": 2}).take(1)] == ["C"]
    now = Member(server, "now", now=True)
    assert now.first.cursor == 3
    server.append("x-1", "D")
    assert [e.type for e in now.take(1)] == ["D"]


def test_bad_messages_say_what_is_wrong(server):
    def joined(**join):
        return failure(lambda: Member(server, **join))

    for join, text in [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "p", "categories": ["a-b"]}, "categories[0]"),
        ({"name": "p", "window_events": 100_001}, "window_events"),
        ({"name": "p", "policy": projections_pb2.FailurePolicy(parked_streams_max=2000)}, "parked_streams_max"),
        ({"name": "p", "policy": projections_pb2.FailurePolicy(backoff_first_ms=9, backoff_max_ms=5)}, "backoff_first"),
    ]:
        code, details = joined(**join)
        assert code == CODES.INVALID_ARGUMENT and text in details, details
    acknowledge = Request(acknowledge=Request.Acknowledge(global_position=1))
    code, details = failure(lambda: list(server.projections.Project(iter([acknowledge]), timeout=30)))
    assert code == CODES.INVALID_ARGUMENT and "the first message must be `join`" in details
    member = Member(server, "p")
    member.requests.put(Request())
    code, details = member.error()
    assert code == CODES.INVALID_ARGUMENT and "must be `acknowledge` or `fail`" in details


def test_a_stuck_projection_holds_up_nobody(server):
    stuck = Member(server, "stuck")
    data = '"' + "x" * 10000 + '"'
    for _ in range(10):
        server.append("big-1", *["A"] * 100, data=data)
    other = Member(server, "other")
    total = 0
    while total < 1000:
        batch = other.batch()
        total += len(batch.events)
        other.ack(batch.events[-1].global_position, batch.batch)
    wait_for(server, "other", 999)
    info = get(server, "stuck")
    assert info.cursor == 0 and 0 < info.members[0].unacknowledged < 1000
    stuck.call.cancel()


# Thalo 0.8


def test_the_services_of_0_8(folder):
    def subscribe(server):
        Interest = thalo_pb2.EventInterest
        request = thalo_pb2.SubscriptionRequest(
            name="old", events=[Interest(category="counter", event="Incremented"), Interest(category="bank", event="Opened")]
        )
        return thalo_pb2_grpc.ProjectionStub(server.channel).SubscribeToEvents(request, timeout=60)

    def acknowledge(server, global_id, name="old"):
        request = thalo_pb2.Acknowledgement(name=name, global_id=global_id)
        return thalo_pb2_grpc.ProjectionStub(server.channel).AcknowledgeEvent(request, timeout=30)

    with runtime(folder) as server:
        server.execute("counter", "a", "Increment", '{"amount":1}')
        server.append("counter-b", "Opened", "Incremented")
        server.append("bank-1", "Opened", "Incremented")
        call = subscribe(server)
        seen = []
        for _ in range(3):
            message = next(call)
            seen.append((message.global_id, message.stream_name, message.msg_type, message.position))
            answer = acknowledge(server, message.global_id)
            assert (answer.success, answer.message) == (True, "ok")
        assert seen == [(0, "counter-a", "Incremented", 0), (2, "counter-b", "Incremented", 1), (3, "bank-1", "Opened", 0)]
        server.append("bank-2", "Opened")
        assert next(call).global_id == 5
        assert acknowledge(server, 3).success  # again: fine
        answer = acknowledge(server, 6)
        assert not answer.success and "global id 6" in answer.message
        assert not acknowledge(server, 0, "nobody").success
        assert server.stop() == 0
    with runtime(folder) as server:
        assert next(subscribe(server)).global_id == 5  # it was not acknowledged
