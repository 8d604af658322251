"""The part "stalls": what the work behind the path of a command costs, and how much of it a caller sees, at half the load."""

import os
import threading
import time
from pathlib import Path

from machinery import Watch, disk_floor, p999

GROUP = "Stalls: at half the load, every command synced"
SNAPSHOT_FLAGS = ["--snapshot-events", 100, "--snapshot-interval-ms", 0]


def measure(measurements):
    with measurements.server("stalls") as server:
        url = ["--url", server.url, "--store-path", server.store]
        busy(measurements, server, "flushes of the buffers", ["rocksdb:high"], "new table files", files_made)
        # From here on there are a million streams and their files: every stretch of the index has tens of thousands of them, and files are merged.
        # Their names are their own: the entities of the part before have hundreds of events each to be rebuilt from.
        cold = ["--entities", 1_000_000, "--entity-prefix", "cold"]
        new = [*cold, "--distribution", "each", "--operations", 1_000_000, "--batch", 1]
        measurements.bench("append", *url, *new, "--duration", 3600, "--warm-up", 0)
        busy(
            measurements, server, "stretches of the stream index, and merges of its files: a million streams, their entities not in memory", ["index", "rocksdb:low"], "stretches of 65,536 events",
            lambda before, after: after["events"] // 65_536 - before["events"] // 65_536, *cold, times=2,
        )
    with measurements.server("snapshots", *SNAPSHOT_FLAGS, modules=("bank_account",)) as server:
        account = ["--aggregate", "bankAccount", "--payload-size", 0]
        opening = ["--command", "OpenAccount", "--payload", '{"owner":"o","initial_cents":0}', "--distribution", "each", "--operations", 1000]
        measurements.bench("write", "--url", server.url, *account, *opening, "--duration", 600, "--warm-up", 0)
        busy(
            measurements, server, "snapshots: one an entity every 100 events", [], "snapshots by count of events",
            lambda before, after: (after["events"] - before["events"]) // 100, *account, "--command", "DepositFunds", "--payload", '{"cents":1}',
        )


def busy(m, server, what, threads, made, count, *flags, times=1):
    """At half of the maximum, the median of the turns' p99.9; what the threads named used, and how often what they do happened."""
    url = ["--url", server.url, "--store-path", server.store]
    with Files(server) as files:
        before = {"events": m.stored(url), "cpu": thread_seconds(server), "files": files.seen()}
        result = m.bench.at_half_the_maximum(m.timed(times * m.sizes.seconds), *url, *flags, disk_of=m.folder)
        after = {"cpu": thread_seconds(server), "files": files.seen(), "events": m.stored(url)}
    commands = after["events"] - before["events"]
    used = {name: 1e6 * (after["cpu"].get(name, 0) - before["cpu"].get(name, 0)) / commands for name in after["cpu"]}
    parts = [f"{sum(used.values()):.1f} µs CPU a command in all"]
    if threads:
        parts.append(f"{sum(used.get(name, 0) for name in threads):.2f} µs of it in " + " and ".join(threads))
    turns = result["turns"]
    worst = max(turn["latency_us"]["write"]["max"] for turn in turns) / 1e3
    m.add(
        GROUP, what, f"p99.9 {p999(result):.1f} ms at {result['settings']['rate']:,.0f}/s ({p999(turns[0]):.1f} to {p999(turns[-1]):.1f} in {len(turns)} turns), max {worst:.0f} ms; {count(before, after):,} {made}; " + ", ".join(parts),
        "p99.9 within 10 ms", p999(result) <= 10, disk_floor(result), command=result["command"],
    )


def files_made(before, after):
    return len(after["files"] - before["files"])


def thread_seconds(server):
    """Processor time by the name of the thread."""
    seconds = {}
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        head, tail = (task / "stat").read_text().rsplit(")", 1)
        fields = tail.split()
        name = head.split("(", 1)[1]
        seconds[name] = seconds.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class Files(Watch):
    """The names of all table files that were there at some time; the engine gives no name twice."""

    def __init__(self, server):
        super().__init__(0.1)
        self.folder = server.store
        self.names = set()
        self.lock = threading.Lock()

    def look(self):
        self.seen()

    def seen(self):
        with self.lock:
            self.names |= {file.name for file in self.folder.rglob("*.sst")}
            return set(self.names)
