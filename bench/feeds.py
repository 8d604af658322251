"""The part "feeds": subscriptions, projections and the Redis relay."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from machinery import Failed

GROUP = "Feeds"
IDLE_SECONDS = 5
TURNS = 20  # short ones, so that what is compared is near in time
ORIGINAL = "Thalo 0.8, quoted, not run here"


def cpu_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(measurements):
    with measurements.server("feeds") as server:
        url = ["--url", server.url, "--store-path", server.store]
        commands_with_30(measurements, url)
        delivery(measurements, url)
        catching_up(measurements, url)
        idle(measurements, server)
        server.stop()
    redis_relay(measurements)
    quoted(measurements)


def commands_with_30(m, url):
    """Each turn with followers lies between two without, and the median of the turns' shares counts: a shared machine's speed changes from one to the next."""

    def rate(*flags):
        result = m.bench(flags[0], *url, *flags[1:], *m.timed(m.sizes.seconds * 0.12, 0.3))
        return result["per_second"]["done"], result["command"]

    kinds = (
        ("30 live projections that acknowledge every batch", ["subscribe", "--subscribers", 0, "--projections", 30]),
        ("30 live subscribers", ["subscribe", "--subscribers", 30]),
    )
    alone = [rate("write")[0]]
    followed = {what: [] for what, _ in kinds}
    commands = {}
    shares = {what: [] for what, _ in kinds}
    for _ in range(TURNS):
        for what, flags in kinds:
            done, commands[what] = rate(*flags)
            alone.append(rate("write")[0])
            followed[what].append(done)
            shares[what].append(2 * done / (alone[-2] + alone[-1]))
    middle = statistics.median(alone)
    for what in shares:
        share = statistics.median(shares[what])
        m.add(
            GROUP, f"commands/s with {what}",
            f"{statistics.median(followed[what]):,.0f}/s; {share:.0%} of that with none just before and after (medians of {TURNS} turns, {min(shares[what]):.0%} to {max(shares[what]):.0%}; {middle:,.0f}/s)",
            "85 % of none", share >= 0.85, command=commands[what],
        )


def delivery(m, url):
    def delivered(result, percentile="p99"):
        return result["latency_us"]["read"][percentile] / 1e3

    for what, flags in (("a subscriber", ["--subscribers", 1]), ("a projection", ["--subscribers", 0, "--projections", 1])):
        result = m.bench.median(delivered, "subscribe", *url, *flags, *m.timed(), before=lambda: m.bench.half_of_the_maximum(*url))
        p50, p99 = delivered(result, "p50"), delivered(result)
        turns = [delivered(turn) for turn in result["turns"]]
        m.add(
            GROUP, f"from the acknowledgement to the delivery to {what}, at half the maximum load", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms ({turns[0]:.2f} to {turns[-1]:.2f} in {len(turns)} turns)",
            "p50 1 ms, p99 5 ms", p50 <= 1 and p99 <= 5, command=result["command"],
        )


def catching_up(m, url):
    for workload, what, target in (
        ("catchup", "a subscriber that catches up", 800_000),
        ("project", "a projection that catches up, acknowledging each batch", 400_000),
    ):
        result = m.bench(workload, *url, "--callers", 1, *m.timed())
        rate = result["per_second"]["events_read"]
        m.add(GROUP, what, f"{rate:,.0f} events/s", f"{target:,} events/s", rate >= target, command=result["command"])


def idle(m, server):
    """CPU of the runtime while 1,000 projections are connected and nothing is written, and while none is."""

    def used():
        before = cpu_seconds(server)
        time.sleep(IDLE_SECONDS)
        return cpu_seconds(server) - before

    without = used()
    # The only command is the first one.
    flags = ["--subscribers", "0", "--projections", "1000", "--callers", "16", "--connections", "16", "--rate", "0.01", "--duration", "60", "--warm-up", "0"]
    load = subprocess.Popen([m.build.thalo, "bench", "subscribe", "--url", server.url, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while connected(m, server) < 1000:
            if time.monotonic() > deadline or load.poll() is not None:
                raise Failed("1,000 projections did not connect")
            time.sleep(0.2)
        time.sleep(2)
        with_them = used()
        if connected(m, server) < 1000:
            raise Failed("some of the 1,000 projections went away")
    finally:
        load.kill()
        load.wait()
        load.stderr.close()
    m.add(
        GROUP, f"CPU of the runtime in {IDLE_SECONDS} s with 1,000 connected idle projections", f"{with_them:.2f} s ({without:.2f} s with none)",
        "none measurable: within 1 % of a core", with_them - without <= 0.01 * IDLE_SECONDS, command=f"thalo bench subscribe {' '.join(flags)}",
    )


def connected(m, server):
    done = subprocess.run([m.build.thalo, "projections", "--url", server.url, "--json"], capture_output=True, text=True, check=True)
    return sum(len(json.loads(line)["members"]) for line in done.stdout.splitlines())


@contextmanager
def redis_server():
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise Failed("redis-server did not start")
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def redis_relay(m):
    what = "Redis relay, catching up"
    if shutil.which("redis-server") is None:
        m.add(GROUP, what, "skipped: there is no redis-server here", "100,000 events/s")
        return
    with redis_server() as url, m.server("feeds", "--redis", url) as server:
        begun = time.monotonic()
        while True:
            done = subprocess.run([m.build.thalo, "relays", "--url", server.url, "--json"], capture_output=True, text=True, check=True)
            relay = json.loads(done.stdout.splitlines()[0])
            if relay["lag_events"] == 0 and relay["cursor"] > 0:
                break
            if time.monotonic() - begun > 60:
                raise Failed(f"the relay is not done: {relay}")
            time.sleep(0.1)
        seconds = time.monotonic() - begun
    rate = relay["cursor"] / seconds
    m.add(GROUP, what, f"{rate:,.0f} events/s ({relay['cursor']:,} in {seconds:.1f} s)", "100,000 events/s", rate >= 100_000, command="thalo-runtime --redis URL")


def quoted(m):
    m.add(GROUP, f"catch-up with an acknowledgement per event ({ORIGINAL})", "2,800 events/s")
    m.add(GROUP, f"64 callers, none and one live projection ({ORIGINAL})", "2,200/s, 1,800/s; 30 break it")
