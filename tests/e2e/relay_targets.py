"""The real servers that relays deliver to, started by the tests: Redis, NATS, Kafka, an HTTP receiver; and a proxy that cuts connections.

Redis is Debian's; nats-server is built by Go, Kafka's jars are fetched by Maven, both once and outside the build folder.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import kafka
import nats
import pytest
import redis
from harness import free_port
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig

CACHE = Path(os.environ.get("THALO_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thalo")
NATS_VERSION = "v2.12.1"
KAFKA_VERSION = "3.9.1"


def wait_until(condition, seconds=120, what=""):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.05)
    return result


class Target:
    """A server of a fixed port that can be killed and started again on the same data. Records are (stream, position, global id) as they arrived."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    def start(self):
        self.output = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, cwd=self.folder, env=self.environment()
        )
        wait_until(self.answers, 90, lambda: f"{self.kind} does not start:\n" + (self.folder / "log").read_text()[-3000:])
        return self

    def environment(self):
        return None

    @contextmanager
    def behind_proxy(self):
        proxy = CutProxy(self.port)
        yield proxy
        proxy.close()

    def answers(self):
        assert self.process.poll() is None, f"{self.kind} ended:\n" + (self.folder / "log").read_text()[-3000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.output.close()
            self.process = None


class Redis(Target):
    kind = "redis"
    settings = "stream-max-len = 0"

    def command(self):
        binary = shutil.which("redis-server") or pytest.fail("redis-server is missing: run scripts/setup")
        # Every write is on the disk before it is answered, so that a kill loses nothing that was confirmed.
        return [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "always"]

    def answers(self):
        try:
            return super().answers() and self.client().ping()
        except redis.RedisError:
            return False

    def client(self):
        return redis.Redis(port=self.port, decode_responses=True)

    def url(self, port=None):
        return f"redis://127.0.0.1:{port or self.port}"

    def count(self, category):
        return self.client().xlen(f"{category}_events")

    def records(self, category):
        messages = [json.loads(fields["event"]) for _, fields in self.client().xrange(f"{category}_events")]
        return [(m["stream_name"], m["position"], m["global_id"]) for m in messages]


class Nats(Target):
    kind = "nats"
    settings = ""

    def command(self):
        folder = CACHE / "nats-server" / NATS_VERSION
        if not (folder / "nats-server").exists():
            module = f"github.com/nats-io/nats-server/v2@{NATS_VERSION}"
            subprocess.run(["go", "install", module], env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=300)
        return [str(folder / "nats-server"), "-js", "-sd", str(self.folder), "-a", "127.0.0.1", "-p", str(self.port)]

    def start(self):
        super().start()
        self.call(lambda js: js.add_stream(StreamConfig(name="EVENTS", subjects=["events.>"], storage=StorageType.FILE)))
        return self

    def call(self, work):
        async def connected():
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())

    def url(self, port=None):
        return f"nats://127.0.0.1:{port or self.port}"

    def count(self, category):
        async def read(js):
            info = await js.stream_info("EVENTS", subjects_filter=f"events.{category}.>")
            return sum((info.state.subjects or {}).values())

        return self.call(read)

    def messages(self, category):
        async def read(js):
            config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
            subscription = await js.pull_subscribe(f"events.{category}.>", config=config)
            left = (await subscription.consumer_info()).num_pending
            out = []
            while len(out) < left:
                out += await subscription.fetch(min(5000, left - len(out)), timeout=10)
            return out

        return self.call(read)

    def records(self, category):
        messages = [json.loads(message.data) for message in self.messages(category)]
        return [(m["stream_name"], m["position"], m["global_id"]) for m in messages]


class Kafka(Target):
    kind = "kafka"
    settings = ""

    def __init__(self, folder):
        super().__init__(folder)
        # A client goes on at the address that the broker names: always the proxy's, so that its connections can be cut.
        self.proxy = CutProxy(self.port)
        self.controller_port = free_port()

    def jars(self):
        folder = CACHE / "kafka" / KAFKA_VERSION
        if not (folder / "complete").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "pom.xml").write_text(
                '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>thalo</groupId>'
                "<artifactId>kafka-for-tests</artifactId><version>1</version><dependencies><dependency><groupId>org.apache.kafka</groupId>"
                f"<artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency></dependencies></project>"
            )
            copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime"]
            subprocess.run(copy, cwd=folder, check=True, timeout=600)
            (folder / "complete").touch()
        return f"{folder}/jars/*"

    def java(self, *arguments):
        return ["java", "-Xmx400m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", self.jars(), *arguments]

    def start(self):
        config = self.folder / "server.properties"
        config.write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.controller_port}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.proxy.port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={self.folder / "data"}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
num.partitions=4
""")
        if not (self.folder / "data").exists():
            format = self.java("kafka.tools.StorageTool", "format", "-t", "aaaaaaaaaaaaaaaaaaaaaa", "-c", str(config))
            subprocess.run(format, check=True, timeout=120, capture_output=True)
        return super().start()

    @contextmanager
    def behind_proxy(self):
        self.proxy.cuts = 0
        yield self.proxy

    def command(self):
        return self.java("kafka.Kafka", str(self.folder / "server.properties"))

    def url(self, port=None):
        return f"kafka://127.0.0.1:{port or self.port}"

    @contextmanager
    def consumer(self, category):
        consumer = kafka.KafkaConsumer(bootstrap_servers=f"127.0.0.1:{self.port}", enable_auto_commit=False, auto_offset_reset="earliest")
        try:
            yield consumer, [kafka.TopicPartition(f"{category}_events", p) for p in consumer.partitions_for_topic(f"{category}_events") or ()]
        finally:
            consumer.close()

    def count(self, category):
        with self.consumer(category) as (consumer, partitions):
            return sum(consumer.end_offsets(partitions).values()) if partitions else 0

    def messages(self, category):
        with self.consumer(category) as (consumer, partitions):
            out = []
            if not partitions:
                return out
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(p) < ends[p] for p in partitions):
                for records in consumer.poll(timeout_ms=500).values():
                    out += records
            return out

    def records(self, category):
        messages = [json.loads(message.value) for message in self.messages(category)]
        return [(m["stream_name"], m["position"], m["global_id"]) for m in messages]


class Http(Target):
    kind = "http"
    settings = ""

    def command(self):
        return [sys.executable, str(Path(__file__).parent / "http_target.py"), str(self.port), str(self.folder)]

    def url(self, port=None):
        return f"http://127.0.0.1:{port or self.port}/events"

    def environment(self):
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    def requests(self, name="requests.jsonl"):
        file = self.folder / name
        # A kill may have cut the last line; it was not answered.
        return [json.loads(line) for line in file.read_text().splitlines(True) if line.endswith("\n")] if file.exists() else []

    def events(self, category):
        bodies = [json.loads(request["body"]) for request in self.requests()]
        flat = [event for body in bodies for event in (body if isinstance(body, list) else [body])]
        return [event for event in flat if event["subject"].startswith(category + "-")]

    def count(self, category):
        return len(self.events(category))

    def records(self, category):
        return [(e["subject"], int(e["streamposition"]), int(e["globalposition"])) for e in self.events(category)]

    def answer(self, **answer):
        (self.folder / "answer.new").write_text(json.dumps(answer))
        (self.folder / "answer.new").rename(self.folder / "answer.json")

    def accept(self):
        (self.folder / "answer.json").unlink()


class CutProxy:
    """Passes bytes on in both directions, until it is told to cut or to freeze: then the connection that first passes so many bytes in a direction
    is closed at once, in the middle of whatever it is; or passes no more in that direction, and stays open."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.limit = None  # (direction, bytes, whether to freeze)
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, direction, size):
        """direction: "to" the target, or "from" it."""
        self.limit = (direction, size, False)

    def freeze_after(self, direction, size):
        self.limit = (direction, size, True)

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                client.close()
                continue
            for direction, source, sink in (("to", client, target), ("from", target, client)):
                threading.Thread(target=self._pass, args=(direction, source, sink), daemon=True).start()

    def _pass(self, direction, source, sink):
        passed = 0
        try:
            while data := source.recv(16384):
                limit = self.limit
                passed += len(data)
                if limit is not None and limit[0] == direction and passed > limit[1]:
                    self.limit = None
                    self.cuts += 1
                    if direction == "to":
                        sink.sendall(data[: len(data) // 2])
                    if limit[2]:
                        while source.recv(16384):
                            pass
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
