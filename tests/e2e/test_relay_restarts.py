"""Where a relay goes on after the runtime was killed: never behind what its target has confirmed, and no further before it than docs/operating.md says."""

import json
from collections import Counter

import pytest
from harness import projections_pb2, runtime
from relay_targets import Redis, wait_until
from test_relays import APPEND, BATCH, Writer, append, check_arrived, configured, relay, relays_of, wait_for_relay

# It is a tenth of that on a machine that has nothing else to do (AcknowledgementsAreSavedTogetherAndSoonWithoutAStop).
SAVE_SECONDS = 1
PROJECTION = "$relay.to-redis"


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis")
    yield server.start()
    server.kill()


def arrival_ms(id):
    return int(id.split("-")[0])


def arrivals(redis):
    """Every entry with when it arrived, in milliseconds of Redis' clock."""
    return [(arrival_ms(id), int(fields["global_position"])) for id, fields in redis.client().xrange("steady_events")]


def arriving_for_ms(redis):
    ends = redis.client().xrange("steady_events", count=1) + redis.client().xrevrange("steady_events", count=1)
    return arrival_ms(ends[1][0]) - arrival_ms(ends[0][0]) if len(ends) == 2 else 0


def test_a_killed_runtime_repeats_what_came_since_its_place_was_saved_and_a_batch(redis, folder):
    config = configured(folder, relay(redis, "steady"))
    with runtime(folder, *config) as server:
        writer = Writer(server, "steady", 1_000_000)
        wait_until(lambda: arriving_for_ms(redis) >= 4000)
        server.kill()
        writer.thread.join(60)
    before = arrivals(redis)
    with runtime(folder, *config) as server:
        head = relays_of(server)["to-redis"]["head"]
        assert writer.stored <= head <= writer.stored + APPEND
        duplicates = check_arrived(redis, "steady", head)
    # A place that was about to be saved waits for the disk, as an append does, and for one that is being saved.
    window_ms = 1000 * (SAVE_SECONDS + 2 * writer.slowest_seconds)
    recent = sum(before[-1][0] - time <= window_ms for time, _ in before)
    print(f"{duplicates} duplicates of {len(before)} events before the kill; {recent} came in the last {window_ms:.0f} ms")
    assert duplicates <= recent + BATCH
    copies = Counter(position for _, position in arrivals(redis))
    assert max(copies.values()) <= 2
    # They are those that came last before the kill, and nothing in between is left out.
    again = sorted(position for position, count in copies.items() if count > 1)
    assert again == [position for _, position in before][len(before) - len(again) :]


def test_a_runtime_killed_while_an_event_is_refused_goes_on_with_that_event(redis, folder):
    client = redis.client()
    client.set("refused-bad", "not a stream")
    config = configured(folder, relay(redis, "refused", more='template = "refused-{id}"'))
    with runtime(folder) as server:
        append(server, "refused-good", range(5))
        append(server, "refused-bad", range(5))
        append(server, "refused-good", range(5))
        assert server.stop() == 0
    with runtime(folder, *config) as server:
        one = wait_for_relay(server, "to-redis", state="retrying", failures=lambda n: n >= 2)
        assert (one["delivered"], one["cursor"]) == (5, 5), "the place is before the event that is refused"
        # The answer comes when the place is durable.
        server.projections.Pause(projections_pb2.PauseProjectionRequest(name=PROJECTION), timeout=30)
        server.kill()
    client.delete("refused-bad")
    with runtime(folder, *config) as server:
        server.projections.Resume(projections_pb2.ResumeProjectionRequest(name=PROJECTION), timeout=30)
        wait_for_relay(server, "to-redis", state="running", lag_events=0)
        arrived = [json.loads(fields["event"])["position"] for _, fields in client.xrange("refused-bad")]
        assert arrived == list(range(5))
