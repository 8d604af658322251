"""Relays against the real servers: every event arrives, each stream's in order, duplicates bounded by what was in flight, whatever is killed or cut."""

import base64
import hashlib
import hmac
import json
import signal
import socket
import threading
import time
from collections import Counter

import pytest
from harness import admin_pb2, admin_pb2_grpc, events_pb2, events_pb2_grpc, failure, free_port, runtime, thalo_pb2, thalo_pb2_grpc
from relay_targets import Http, Kafka, Nats, Redis, wait_until
from thalo.v1 import projections_pb2, projections_pb2_grpc

BATCH = 200
STREAMS = 20
# An append of so many events is one batch of the store.
APPEND = 50


@pytest.fixture(scope="module", params=[Redis, Nats, Kafka, Http], ids=lambda kind: kind.kind)
def target(request, tmp_path_factory):
    server = request.param(tmp_path_factory.mktemp(request.param.kind))
    yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server.start()
    server.kill()


@pytest.fixture
def http_server(tmp_path):
    server = Http(tmp_path / "http")
    yield server.start()
    server.kill()


def relay(target, category, url=None, name=None, more=""):
    return f"""
[[relay]]
name = "{name or "to-" + target.kind}"
kind = "{target.kind}"
url = "{url or target.url()}"
categories = ["{category}"]
batch-events = {BATCH}
timeout-ms = 5000
retry-max-ms = 500
{target.settings}
{more}
"""


def configured(folder, *relays, file="thalo.toml"):
    file = folder / file
    file.write_text("\n".join(relays))
    return ("--config", str(file))


def append(server, stream, events, type="Happened"):
    request = events_pb2.AppendRequest(stream=stream)
    for i in events:
        request.events.add(type=type, data=json.dumps({"number": i, "text": 'ä"\n'}))
    events_pb2_grpc.EventsStub(server.channel).Append(request, timeout=30)


class Writer:
    """Appends events over STREAMS streams of a category from a thread; what it was told is stored, in `stored`, and how long the slowest append took."""

    def __init__(self, server, category, appends):
        self.server, self.category, self.appends = server, category, appends
        self.stored = 0
        self.slowest_seconds = 0
        self.error = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            for i in range(self.appends):
                begun = time.monotonic()
                append(self.server, f"{self.category}-{i % STREAMS}", range(APPEND))
                self.stored += APPEND
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - told by done()
            self.error = error

    def done(self):
        self.thread.join(120)
        assert self.error is None
        return self.stored


def first_arrivals(records):
    seen, out = set(), []
    for record in records:
        if record[2] not in seen:
            seen.add(record[2])
            out.append(record)
    return out


def check_arrived(target, category, count, seconds=300):
    """Waits for `count` events of a category, whole and in order per stream; returns how many duplicates came with them."""
    records = []
    while (missing := count - len(first_arrivals(records))) > 0:
        goal = len(records) + missing
        wait_until(lambda: target.count(category) >= goal, seconds, lambda: f"{target.count(category)} events arrived, with duplicates; waiting for {goal}")
        records = target.records(category)
    by_stream = {}
    for stream, position, _ in first_arrivals(records):
        by_stream.setdefault(stream, []).append(position)
    for stream, positions in by_stream.items():
        assert positions == list(range(len(positions))), f"{stream} is not whole or not in order"
    assert sum(map(len, by_stream.values())) == count
    return len(records) - count


def relays_of(server):
    listed = admin_pb2_grpc.AdminStub(server.channel).ListRelays(admin_pb2.ListRelaysRequest(), timeout=30).relays
    names = [field.name for field in admin_pb2.Relay.DESCRIPTOR.fields]
    state = admin_pb2.Relay.State.Name
    return {one.name: {**{name: getattr(one, name) for name in names}, "state": state(one.state)[6:].lower()} for one in listed}


def wait_for_relay(server, name, **expected):
    """The relay, once its members are these; a function checks the value."""
    def fits():
        one = relays_of(server)[name]
        same = all(want(one[key]) if callable(want) else one[key] == want for key, want in expected.items())
        return one if same else None

    return wait_until(fits, 120, lambda: relays_of(server)[name])


# Faults, at every kind of target


def test_events_of_before_and_of_now_arrive_once(target, folder):
    with runtime(folder) as server:
        Writer(server, "before", 40).done()
        append(server, "other-1", range(10))
        assert server.stop() == 0
    with runtime(folder, *configured(folder, relay(target, "before"))) as server:
        assert check_arrived(target, "before", 2000) == 0
        Writer(server, "before", 40).done()
        assert check_arrived(target, "before", 4000) == 0
        one = wait_for_relay(server, f"to-{target.kind}", lag_events=0)
        assert (one["state"], one["error"], one["failures"], one["delivered"]) == ("running", "", 0, 4000)
        assert server.stop() == 0
    # Its place is durable: a new start sends nothing again.
    with runtime(folder, *configured(folder, relay(target, "before"))) as server:
        append(server, "before-0", [1])
        assert check_arrived(target, "before", 4001) == 0


def test_target_killed_and_restarted_mid_stream(target, folder):
    with runtime(folder, *configured(folder, relay(target, "killed"))) as server:
        writer = Writer(server, "killed", 300)
        wait_until(lambda: target.count("killed") > 1000)
        target.kill()
        # However fast everything before it was delivered: this is left to do.
        append(server, "killed-0", range(APPEND))
        one = wait_for_relay(server, f"to-{target.kind}", state="retrying")
        assert str(target.port) in one["error"]
        # Commands and other consumers do not notice.
        assert writer.done() == 15000
        target.start()
        duplicates = check_arrived(target, "killed", 15000 + APPEND)
        print(f"{target.kind}: {duplicates} duplicates")
        assert duplicates <= BATCH
        wait_for_relay(server, f"to-{target.kind}", state="running", failures=0, lag_events=0)


@pytest.mark.parametrize("direction", ["to", "from"])
def test_connection_cut_mid_batch(target, folder, direction):
    category = f"cut{direction}"
    with target.behind_proxy() as proxy, runtime(folder, *configured(folder, relay(target, category, target.url(proxy.port)))) as server:
        append(server, f"{category}-0", range(1))
        check_arrived(target, category, 1)
        # In the middle of a batch that is sent; of the confirmations that come back.
        for cut in range(3):
            proxy.cut_after(direction, 20000 if direction == "to" else 100)
            Writer(server, category, 40).done()
            wait_until(lambda: proxy.cuts == cut + 1, 60, "nothing was cut")
        duplicates = check_arrived(target, category, 6001)
        print(f"{target.kind}: {duplicates} duplicates of {proxy.cuts} cuts")
        assert duplicates <= proxy.cuts * BATCH
        if direction == "from" and target.kind in ("redis", "http"):
            assert duplicates > 0, "a lost confirmation was expected to bring events twice"


def test_a_connection_that_freezes_within_a_batch_loses_nothing_of_it(target, folder):
    """What came before is acknowledged, what comes then is not, and nobody says so."""
    with target.behind_proxy() as proxy:
        one = relay(target, "freezing", target.url(proxy.port)).replace("timeout-ms = 5000", "timeout-ms = 1000")
        with runtime(folder, *configured(folder, one)) as server:
            append(server, "freezing-0", range(1))
            check_arrived(target, "freezing", 1)
            proxy.freeze_after("to", 20000)
            # One batch of the store, and so one of the relay.
            append(server, "freezing-1", range(BATCH))
            wait_until(lambda: proxy.cuts == 1, 60, "nothing was frozen")
            assert check_arrived(target, "freezing", 1 + BATCH) <= BATCH
            wait_for_relay(server, f"to-{target.kind}", state="running", lag_events=0)


def test_a_frozen_target_holds_nobody_and_is_found_again(target, folder):
    with runtime(folder, *configured(folder, relay(target, "frozen"))) as server:
        append(server, "frozen-0", range(APPEND))
        check_arrived(target, "frozen", APPEND)
        target.process.send_signal(signal.SIGSTOP)
        try:
            Writer(server, "frozen", 40).done()
            one = wait_for_relay(server, f"to-{target.kind}", state="retrying")
            assert one["lag_events"] > 0
        finally:
            target.process.send_signal(signal.SIGCONT)
        duplicates = check_arrived(target, "frozen", 2000 + APPEND)
        print(f"{target.kind}: {duplicates} duplicates")
        # The batch that was on its way, and the single events of the attempts.
        assert duplicates <= 2 * BATCH


def test_runtime_killed_mid_stream(target, folder):
    category = "crashed"
    config = configured(folder, relay(target, category))
    with runtime(folder, *config) as server:
        settled = Writer(server, category, 10).done()
        check_arrived(target, category, settled)
        assert server.stop() == 0
    with runtime(folder, *config) as server:
        writer = Writer(server, category, 10000)
        wait_until(lambda: target.count(category) >= settled + 2000)
        server.kill()
        writer.thread.join(60)
    with runtime(folder, *config) as server:
        head = relays_of(server)[f"to-{target.kind}"]["head"]
        # The last append may be stored without having been answered.
        assert settled + writer.stored <= head <= settled + writer.stored + APPEND
        duplicates = check_arrived(target, category, head)
        print(f"{target.kind}: {duplicates} duplicates of {head}")
        copies = Counter(global_id for _, _, global_id in target.records(category))
        again = sorted(global_id for global_id, count in copies.items() if count > 1)
        assert max(copies.values()) <= 2
        # What was saved as the relay's place is never sent again; what is, is what came last before the kill.
        assert not again or again[0] >= settled
        if target.kind != "kafka":  # whose partitions take their parts of a batch at different times
            assert again == list(range(again[0], again[0] + len(again))) if again else True


def test_a_stop_does_not_wait_for_a_target_that_is_away_or_frozen(target, folder):
    away = relay(target, "away", target.url(free_port()), name="away")
    frozen = relay(target, "away", name="frozen").replace("timeout-ms = 5000", "timeout-ms = 600000")
    target.process.send_signal(signal.SIGSTOP)
    try:
        with runtime(folder, *configured(folder, away, frozen)) as server:
            Writer(server, "away", 40).done()
            wait_for_relay(server, "away", state="retrying")
            # A delivery that may take ten minutes is cut short: the harness does not wait as long as that.
            assert server.stop() == 0
    finally:
        target.process.send_signal(signal.SIGCONT)


# Redis


def test_redis_flags_and_entries_are_those_of_thalo_0_8(redis_server, folder):
    flags = ("--redis", redis_server.url() + "/3", "--redis-stream-max-len", "100")
    with runtime(folder, *flags) as server:
        server.execute("counter", "a", "Increment", '{"amount":5}')
        client = redis_server.client()
        client.select(3)
        wait_until(lambda: client.exists("counter_events"))
        [(_, fields)] = client.xrange("counter_events")
        [event] = server.events("counter-a")
        assert fields == {
            "event_type": event.type,
            "event": fields["event"],
            "event_id": event.id,
            "global_position": "0",
        }
        assert json.loads(fields["event"]) == {
            "id": 0,
            "global_id": 0,
            "position": 0,
            "stream_name": "counter-a",
            "msg_type": event.type,
            "data": json.loads(event.data),
            "time": event.time_ms,
        }
        Writer(server, "counter", 100).done()
        wait_for_relay(server, "redis", lag_events=0, head=5001)
        # About 100: whole nodes of the stream are dropped.
        assert 100 <= client.xlen("counter_events") < 400


def test_several_relays_each_with_its_filter_and_names(redis_server, folder):
    mine = relay(redis_server, "many", name="mine", more='template = "mine:{category}:{id}:{type}"\ntypes = ["A"]')
    yours = relay(redis_server, "many", name="yours", more='template = "yours"\nstreams = ["many-2"]')
    with runtime(folder, *configured(folder, mine, yours)) as server:
        for type in "AB":
            for id in "12":
                append(server, f"many-{id}", range(3), type)
        wait_for_relay(server, "mine", lag_events=0, delivered=6)
        wait_for_relay(server, "yours", lag_events=0, delivered=6)
        client = redis_server.client()
        assert sorted(client.keys("mine:*") + client.keys("yours*")) == ["mine:many:1:A", "mine:many:2:A", "yours"]
        assert [client.xlen(key) for key in ("mine:many:1:A", "mine:many:2:A", "yours")] == [3, 3, 6]


def test_an_event_that_redis_refuses_is_said_and_tried_until_it_is_taken(redis_server, folder):
    client = redis_server.client()
    client.set("wrong_events", "a string")
    good = relay(redis_server, "right", name="good")
    with runtime(folder, *configured(folder, relay(redis_server, "wrong"), good)) as server:
        Writer(server, "wrong", 10).done()
        Writer(server, "right", 10).done()
        check_arrived(redis_server, "right", 500)
        one = wait_for_relay(server, "to-redis", state="retrying", failures=lambda n: n >= 3)
        assert "WRONGTYPE" in one["error"] and one["delivered"] == 0 and one["lag_events"] > 0
        table = server.thalo("relays").stdout
        assert "retrying" in table and "WRONGTYPE" in table
        [shown] = [one for one in map(json.loads, server.thalo("relays", "--json").stdout.splitlines()) if one["name"] == "to-redis"]
        assert (shown["state"], shown["projection"]) == ("retrying", "$relay.to-redis") and "WRONGTYPE" in shown["error"]
        client.delete("wrong_events")
        assert check_arrived(redis_server, "wrong", 500) == 0
        wait_for_relay(server, "to-redis", state="running", failures=0, lag_events=0)
        assert "WRONGTYPE" in relays_of(server)["to-redis"]["error"]
        server.wait_for_log("a relay runs again")


def test_a_redis_without_memory_takes_nothing_of_a_batch(redis_server, folder):
    client = redis_server.client()
    with runtime(folder, *configured(folder, relay(redis_server, "full"))) as server:
        client.config_set("maxmemory", "1mb")
        try:
            Writer(server, "full", 20).done()
            one = wait_for_relay(server, "to-redis", state="retrying", failures=lambda n: n >= 2)
            assert "OOM" in one["error"] and one["delivered"] == 0
        finally:
            client.config_set("maxmemory", "0")
        assert check_arrived(redis_server, "full", 1000) == 0


def test_a_refused_event_brings_those_behind_it_at_most_once_more(redis_server, folder):
    """Two streams of one relay, one of which Redis refuses: the other's events must not come again with every attempt."""
    client = redis_server.client()
    client.set("half-bad", "a string")
    more = 'template = "half-{id}"'
    with runtime(folder) as server:
        for _ in range(10):
            append(server, "half-good", range(5))
            append(server, "half-bad", range(5))
        assert server.stop() == 0
    with runtime(folder, *configured(folder, relay(redis_server, "half", more=more))) as server:
        wait_for_relay(server, "to-redis", state="retrying", failures=lambda n: n >= 5)
        assert client.xlen("half-good") <= 50 + 5
        client.delete("half-bad")
        wait_for_relay(server, "to-redis", state="running", lag_events=0)
        for key in ("half-good", "half-bad"):
            arrived = first_arrivals([(None, m["position"], m["global_id"]) for m in (json.loads(f["event"]) for _, f in client.xrange(key))])
            assert [position for _, position, _ in arrived] == list(range(50))
        assert client.xlen("half-good") + client.xlen("half-bad") - 100 <= BATCH


NONSENSE = {
    "redis-http": (Redis, b"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"),
    "redis-ok": (Redis, b"+OK\r\n" * 400, "EXEC"),
    "redis-huge-array": (Redis, b"*99999999999\r\n", "out of range"),
    "redis-negative": (Redis, b"$-5\r\n", "out of range"),
    "redis-bytes": (Redis, b"\x00\xff" * 50, "Protocol error"),
    "http-bytes": (Http, b"\x00\xff" * 50, "HTTP/0.9"),
    "http-cut": (Http, b"HTTP/1.1 204", ""),
    "nats-bytes": (Nats, b"\x00\xff" * 50 + b"\r\n", "connecting"),
    "kafka-bytes": (Kafka, b"\x00\xff" * 50, "not acknowledged in time"),
}


@pytest.mark.parametrize("kind, answer, said", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_server_that_answers_nonsense_is_a_failure_with_its_text(folder, kind, answer, said):
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            try:
                if kind is not Nats:  # whose server speaks first
                    connection.recv(100)
                connection.sendall(answer)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    target = kind(folder / "target")
    url = target.url(listener.getsockname()[1])
    with runtime(folder, *configured(folder, relay(target, "nonsense", url).replace("5000", "500"))) as server:
        append(server, "nonsense-1", range(10))
        one = wait_for_relay(server, f"to-{target.kind}", state="retrying", failures=lambda n: n >= 2)
        assert "127.0.0.1:" in one["error"] and said in one["error"]
        assert one["delivered"] == 0
        assert server.stop() == 0
    listener.close()
    for connection in connections:
        connection.close()


# NATS


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory):
    server = Nats(tmp_path_factory.mktemp("nats"))
    yield server.start()
    server.kill()


def test_nats_messages_carry_the_events_id_and_a_subject_of_the_template(nats_server, folder):
    more = 'template = "events.{category}.{type}.{id}"'
    with runtime(folder, *configured(folder, relay(nats_server, "shaped", more=more))) as server:
        append(server, "shaped-a.b c", [7], "Was.Done")
        [message] = wait_until(lambda: nats_server.messages("shaped"))
        [event] = server.events("shaped-a.b c")
        assert message.subject == "events.shaped.Was%2EDone.a%2Eb%20c"
        assert message.headers["Nats-Msg-Id"] == event.id
        assert json.loads(message.data)["data"] == json.loads(event.data)


def test_a_subject_that_no_stream_takes_is_said(nats_server, folder):
    with runtime(folder, *configured(folder, relay(nats_server, "lost", more='template = "elsewhere.{id}"'))) as server:
        append(server, "lost-1", range(3))
        one = wait_for_relay(server, "to-nats", state="retrying")
        assert "no JetStream stream takes the subject" in one["error"] and "elsewhere.1" in one["error"]


# Kafka


@pytest.fixture(scope="module")
def kafka_server(tmp_path_factory):
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    yield server.start()
    server.kill()


def test_kafka_has_an_event_once_although_its_acknowledgement_was_lost(kafka_server, folder):
    """The producer sends again what it has no answer to, and the broker knows it by its number."""
    # So long that the producer is never given up: a new one has new numbers.
    patient = relay(kafka_server, "lost", kafka_server.url(kafka_server.proxy.port)).replace("timeout-ms = 5000", "timeout-ms = 100000")
    with kafka_server.behind_proxy() as proxy, runtime(folder, *configured(folder, patient)) as server:
        append(server, "lost-0", range(1))
        check_arrived(kafka_server, "lost", 1)
        for cut in range(3):
            proxy.cut_after("from", 0)
            append(server, f"lost-{cut}", range(BATCH))
            wait_until(lambda: proxy.cuts == cut + 1, 60, "nothing was cut")
            wait_for_relay(server, "to-kafka", lag_events=0)
        assert relays_of(server)["to-kafka"]["error"] == ""
        assert check_arrived(kafka_server, "lost", 1 + 3 * BATCH) == 0


# HTTP


def test_http_requests_are_signed_cloud_events(http_server, folder):
    key = b"0123456789abcdef-a-secret"
    (folder / "secret").write_text("whsec_" + base64.b64encode(key).decode() + "\n")
    more = f'secret-file = "{folder / "secret"}"'
    with runtime(folder, *configured(folder, relay(http_server, "counter", more=more))) as server:
        server.execute("counter", "a", "Increment", '{"amount":5}')
        wait_until(http_server.requests)
        [request] = http_server.requests()
        [event] = server.events("counter-a")
        assert request["path"] == "/events"
        assert request["headers"]["content-type"] == "application/cloudevents-batch+json; charset=UTF-8"
        [cloud_event] = json.loads(request["body"])
        assert cloud_event.pop("time").endswith("Z")
        assert cloud_event == {
            "specversion": "1.0",
            "id": event.id,
            "source": "/counter",
            "type": event.type,
            "subject": "counter-a",
            "datacontenttype": "application/json",
            "globalposition": "0",
            "streamposition": "0",
            "data": json.loads(event.data),
        }
        signed = f"{request['headers']['webhook-id']}.{request['headers']['webhook-timestamp']}.{request['body']}"
        expected = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
        assert request["headers"]["webhook-signature"] == "v1," + expected
        assert abs(int(request["headers"]["webhook-timestamp"]) - time.time()) < 300


def test_http_single_events(http_server, folder):
    with runtime(folder, *configured(folder, relay(http_server, "single", more="batched = false"))) as server:
        append(server, "single-1", range(5))
        assert check_arrived(http_server, "single", 5) == 0
        requests = http_server.requests()
        assert len(requests) == 5
        assert {request["headers"]["content-type"] for request in requests} == {"application/cloudevents+json; charset=UTF-8"}


def test_http_retry_after_is_honoured_and_the_answer_is_said(http_server, folder):
    http_server.answer(status=503, headers={"Retry-After": "2"}, text="come back later")
    with runtime(folder, *configured(folder, relay(http_server, "later"))) as server:
        append(server, "later-1", range(5))
        one = wait_for_relay(server, "to-http", state="retrying", failures=lambda n: n >= 3)
        assert "503" in one["error"] and "come back later" in one["error"]
        times = [refusal["time"] for refusal in http_server.requests("refused.jsonl")]
        # retry-max-ms is 500: without the header they were at most that far apart.
        assert all(after - before >= 1.9 for before, after in zip(times, times[1:]))
        http_server.accept()
        assert check_arrived(http_server, "later", 5) == 0


# An event that the target never takes


@pytest.fixture
def stuck(http_server, folder):
    """A relay whose target refuses event 2 of six for good, and so does not want to be asked again for an hour."""
    http_server.answer(status=422, text="never", headers={"Retry-After": "3600"}, positions=[2])
    config = configured(folder, relay(http_server, "poison", more="batched = false"))
    with runtime(folder, *config) as server:
        for i in range(6):
            append(server, f"poison-{i % 2}", [i])
        wait_for_relay(server, "to-http", state="retrying", cursor=2)
        yield server


def positions_at(http_server):
    return [position for _, _, position in http_server.records("poison")]


def refusals_of(http_server):
    return [refusal["positions"] for refusal in http_server.requests("refused.jsonl")]


def operate(server, *words):
    done = server.thalo("projections", "$relay.to-http", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_reset_takes_from_a_failing_relay_the_event_it_tries(stuck, http_server):
    operate(stuck, "reset", "--to", 4)
    wait_until(lambda: positions_at(http_server) == [0, 1, 4, 5], 120, lambda: positions_at(http_server))
    wait_for_relay(stuck, "to-http", state="running", failures=0, lag_events=0)
    assert set(map(tuple, refusals_of(http_server))) == {(2,)}
    # With nothing behind it there is nothing that fails, either.
    operate(stuck, "reset", "--to", 2)
    wait_for_relay(stuck, "to-http", state="retrying", cursor=2)
    operate(stuck, "reset", "--to", "now")
    wait_for_relay(stuck, "to-http", state="running", failures=0, lag_events=0)
    # A reset back sends again.
    operate(stuck, "reset", "--to", 3)
    wait_until(lambda: positions_at(http_server) == [0, 1, 4, 5, 3, 4, 5], 120, lambda: positions_at(http_server))


def test_an_operator_sees_what_a_relay_is_stuck_on_and_skips_that_event_alone(stuck, http_server):
    shown = operate(stuck)
    assert "tried for ever" in shown and "parked" not in shown
    assert "at event 2 of stream poison-0" in shown and "422" in shown
    command = "thalo projections '$relay.to-http' skip --stream 'poison-0' --event 2"
    assert command in shown
    table = stuck.thalo("relays").stdout
    assert "PROJECTION" in table and "thalo projections '$relay.to-http'" in table
    for wrong in (("poison-0", 4), ("poison-1", 2), ("poison-1", 3)):
        done = stuck.thalo("projections", "$relay.to-http", "skip", "--stream", wrong[0], "--event", wrong[1])
        assert done.returncode == 1 and "is at event 2 of stream poison-0; only that one" in done.stderr
    operate(stuck, "skip", "--stream", "poison-0", "--event", 2)
    wait_until(lambda: positions_at(http_server) == [0, 1, 3, 4, 5], 120, lambda: positions_at(http_server))
    wait_for_relay(stuck, "to-http", state="running", failures=0, lag_events=0)
    assert "skip" not in operate(stuck)


def test_a_retry_ends_the_pause_of_a_failing_relay(stuck, http_server):
    before = len(refusals_of(http_server))
    assert operate(stuck, "retry") == "Trying now\n"
    wait_until(lambda: len(refusals_of(http_server)) == before + 1)
    wait_for_relay(stuck, "to-http", state="retrying", failures=2)
    http_server.accept()
    operate(stuck, "retry")
    wait_until(lambda: positions_at(http_server) == list(range(6)), 120, lambda: positions_at(http_server))


def test_a_paused_relay_tries_nothing_until_it_is_resumed(stuck, http_server):
    operate(stuck, "pause")
    before = len(refusals_of(http_server))
    http_server.accept()
    # Its pause is over, but it is not to go on; the stop waits for a delivery that is under way.
    operate(stuck, "retry")
    waited = stuck.thalo("projections", "$relay.to-http", "wait", "--event", 2, "--timeout-ms", 2000)
    assert waited.returncode == 1
    assert "has not passed event 2 yet: it is at 2 of 6, paused" in waited.stderr
    assert (positions_at(http_server), len(refusals_of(http_server))) == ([0, 1], before)
    operate(stuck, "resume")
    wait_until(lambda: positions_at(http_server) == list(range(6)), 120, lambda: positions_at(http_server))


def test_the_projection_of_a_running_relay_is_not_deleted(stuck, http_server):
    done = stuck.thalo("projections", "$relay.to-http", "delete")
    assert done.returncode == 1 and "send every event again" in done.stderr and "reset" in done.stderr
    assert relays_of(stuck)["to-http"]["cursor"] == 2 and positions_at(http_server) == [0, 1]


def test_a_relay_taken_for_its_projection_is_told_the_name_of_that(stuck):
    done = stuck.thalo("projections", "to-http")
    assert done.returncode == 1 and "'$relay.to-http'" in done.stderr
    empty = stuck.thalo("projections", "", "pause")
    assert empty.returncode == 2 and "name is empty" in empty.stderr


# Bad input


@pytest.mark.parametrize(
    "change, said",
    [
        ('template = "{categroy}"', ["relay 'bad': template:", "{categroy}"]),
        ('url = "http://localhost"', ["relay 'bad': url:", "redis://"]),
        ('url = "redis://:secret@localhost:x"', ["relay 'bad': url:"]),
        ('url = "redis://localhost/x"', ["relay 'bad': url:", "database"]),
        ('kind = "rabbit"', ["relay 'bad': kind:", "rabbit", "redis"]),
        ('name = "a b"', ["relay 'a b': name:"]),
        ("batch-events = 0", ["relay 'bad': batch-events:"]),
        ('batch-events = "many"', ["relay 'bad': batch-events:", "number"]),
        ("batch_events = 1", ["relay 'bad': unknown key 'batch_events'", "batch-events"]),
        ('categories = "counter"', ["relay 'bad': categories:", "list of strings"]),
        ('categories = ["a-b"]', ["relay 'bad': categories:"]),
        ('kind = "http"\nurl = "http://x"\nsecret-file = "/nowhere"', ["relay 'bad': secret-file:", "/nowhere"]),
        ('kind = "kafka"\nurl = "kafka://x"\ntemplate = "a b"', ["relay 'bad': template:"]),
    ],
)
def test_a_bad_setting_is_refused_at_start(folder, change, said):
    keys = {"name": '"bad"', "kind": '"redis"', "url": '"redis://localhost"'}
    keys |= {line.split(" = ")[0]: line.split(" = ")[1] for line in change.splitlines()}
    with pytest.raises(RuntimeError) as refused:
        with runtime(folder, *configured(folder, "[[relay]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()))):
            pass
    for text in said:
        assert text in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_bad_flags_of_the_redis_relay_and_two_relays_of_one_name_are_refused_at_start(folder, redis_server):
    for flags, said in [
        (("--redis", "localhost:6379"), "relay 'redis': url:"),
        (("--redis", "redis://localhost", "--redis-stream-name-template", "{x}"), "relay 'redis': template:"),
        (configured(folder, 'relay = "redis"', file="other.toml"), "[[relay]]"),
        (configured(folder, relay(redis_server, "x", name="redis")) + ("--redis", "redis://localhost"), "relay 'redis': name:"),
    ]:
        with pytest.raises(RuntimeError, match=".*") as refused:
            with runtime(folder, *flags):
                pass
        assert said in str(refused.value)


def test_a_changed_filter_is_said_and_does_not_keep_the_runtime_from_serving(redis_server, folder):
    with runtime(folder, *configured(folder, relay(redis_server, "first"))) as server:
        wait_for_relay(server, "to-redis", state="running")
        assert server.stop() == 0
    with runtime(folder, *configured(folder, relay(redis_server, "second"))) as server:
        one = wait_for_relay(server, "to-redis", state="stopped")
        assert "first" in one["error"] and "second" in one["error"]
        append(server, "second-1", range(3))


def test_the_names_of_relays_projections_are_reserved(server):
    join = projections_pb2.ProjectRequest(join=projections_pb2.ProjectRequest.Join(name="$relay.mine"))
    project = projections_pb2_grpc.ProjectionsStub(server.channel).Project
    code, details = failure(lambda: next(project(iter([join]), timeout=30)))
    assert code.name == "INVALID_ARGUMENT" and "$" in details
    subscribe = thalo_pb2_grpc.ProjectionStub(server.channel).SubscribeToEvents
    code, details = failure(lambda: next(subscribe(thalo_pb2.SubscriptionRequest(name="$relay.mine"), timeout=30)))
    assert code.name == "INVALID_ARGUMENT" and "$" in details
