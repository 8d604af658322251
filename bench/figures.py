"""What is measured, in order. Each function returns figures; a figure is a target, what was measured, and its ceiling."""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import feeds
import stalls
from machinery import Bench, EmptyServer, Failed, MemoryWatch, Server, disk_floor, middle_of, p999

# What is compared is measured one after another, so many times, and compared within each turn.
COMPARED_TURNS = 5
# Of growth, more and shorter ones: of three medians the lowest is below the highest by chance too. Every other turn goes the other way round, since what a
# run leaves to be written is done in the next.
GROWTH_TURNS = 11


@dataclass
class Figure:
    group: str
    what: str
    measured: str
    target: str = ""
    met: bool | None = None  # None: no target
    ceiling: str = ""
    command: str = ""


@dataclass
class Sizes:
    """How long and how large: quick by default, as the targets say with FULL=1."""

    full: bool
    seconds: float = field(init=False)
    events: int = field(init=False)
    disk_events: int = field(init=False)
    overload_seconds: float = field(init=False)

    def __post_init__(self):
        self.seconds = 20 if self.full else 5
        self.events = 10_000_000
        self.disk_events = 1_000_000 if self.full else 100_000
        self.overload_seconds = 60 if self.full else 15


def per_second(result, what="done"):
    return result["per_second"][what]


def latency(result, percentile, kind="write"):
    """Milliseconds."""
    return result["latency_us"][kind][percentile] / 1e3


def rate(value):
    return f"{value:,.0f}/s"


def ms(value):
    return f"{value:.2f} ms" if value < 10 else f"{value:,.0f} ms"


def longest(result):
    """Milliseconds, of all turns."""
    return max(latency(turn, "max") for turn in result["turns"])


def spread(result, key=per_second, show=rate):
    """How far the turns of a median were apart."""
    turns = result["turns"]
    return f" ({show(key(turns[0]))} to {show(key(turns[-1]))} in {len(turns)} turns)"


WITHOUT_DISK = "At half the load on a file system in memory, where a sync costs nothing"


def in_turn(turn, runs):
    """Every other turn in the other order."""
    return runs if turn % 2 == 0 else runs[::-1]


class Measurements:
    def __init__(self, build, bench, folder, sizes, say):
        self.build, self.bench, self.folder, self.sizes, self.say = build, bench, folder, sizes, say
        self.figures = []
        self.texts = []  # (title, what a program printed)
        self.curves = {}  # name -> list of (x, commands/s)
        self.machine = None

    def timed(self, seconds=None, warm_up=1):
        return ["--duration", seconds or self.sizes.seconds, "--warm-up", warm_up]

    def server(self, name, *flags, **options):
        return Server(self.build, self.folder / name, *flags, **options)

    def add(self, *arguments, **fields):
        figure = Figure(*arguments, **fields)
        self.figures.append(figure)
        self.say(f"    {figure.what}: {figure.measured}" + (f" (target {figure.target})" if figure.target else ""))

    # The floor and the ceiling.

    def limits(self):
        sync = self.bench("fsync", "--store-path", self.folder, "--duration", 3)
        self.machine = sync["machine"]
        self.file_system = sync["file_system"]
        self.add("Limits", "fdatasync of 4 KiB", f"p50 {ms(sync['latency_us']['p50'] / 1e3)}, p99 {ms(sync['latency_us']['p99'] / 1e3)}", command=sync["command"])
        with EmptyServer(self.build) as empty:
            one = self.bench("empty", "--callers", 1, *self.empty_flags(empty, "Inline"), *self.timed(3))
            many = self.bench("empty", *self.empty_flags(empty, "Inline"), *self.timed(3))
        self.add("Limits", "empty handler, 1 caller", f"{rate(per_second(one))}, p50 {ms(latency(one, 'p50'))}", command=one["command"])
        self.add("Limits", "empty handler, 256 callers", f"{rate(per_second(many))}, p99 {ms(latency(many, 'p99'))}", command=many["command"])

    def empty_flags(self, server, method):
        return ["--url", server.url, "--empty-method", f"/bench.Empty/{method}"]

    # Targets 1 to 4.

    def commands(self):
        with self.server("commands") as server:
            url = ["--url", server.url, "--store-path", server.store]
            self.unary(url)
            self.lone(url)
            self.streamed(url)
            self.half_load(server, url)
            self.subscribed(url)
            mixed = self.bench("mixed", *url, *self.timed())
            self.add(
                "Beside", "mixed: half Execute, half ReadStream of 100 events",
                f"{rate(per_second(mixed))}; writes p99 {ms(latency(mixed, 'p99'))}, reads p99 {ms(latency(mixed, 'p99', 'read'))}",
                command=mixed["command"],
            )

    def subscribed(self, url):
        live = self.bench("subscribe", *url, "--subscribers", 8, "--rate", int(self.write_rate / 4), "--callers", 2000, *self.timed())
        self.add(
            "Beside", "8 live subscribers at a quarter of the maximum load: from the acknowledgement to the delivery",
            f"p50 {ms(latency(live, 'p50', 'read'))}, p99 {ms(latency(live, 'p99', 'read'))}; {rate(per_second(live, 'events_read'))} events delivered",
            command=live["command"],
        )
        behind = self.bench("catchup", *url, "--callers", 1, *self.timed())
        self.add("Beside", "a subscriber that catches up", rate(per_second(behind, "events_read")).replace("/s", " events/s"), command=behind["command"])

    def unary(self, url):
        """In turns with the empty handlers; shares are the medians of the turns' shares."""
        self.bench("write", *url, *self.timed(2))  # what belongs to the first run alone is no turn's
        names = ("empty", "handed", "uniform", "hot", "zipf")
        results = {name: [] for name in names}
        with EmptyServer(self.build) as empty:
            for turn in range(COMPARED_TURNS):
                for name, method in (("empty", "Inline"), ("handed", "Handed")):
                    results[name].append(self.bench("empty", *self.empty_flags(empty, method), *self.timed(2)))
                timed = self.timed(0.6 * self.sizes.seconds)
                results["uniform"].append(self.bench("write", *url, *timed, plot=f"write-256-callers-{turn}"))
                for name in ("hot", "zipf"):
                    results[name].append(self.bench("write", *url, *timed, "--distribution", name, "--entity-prefix", name))

        def share(name, of):
            return statistics.median(per_second(one) / per_second(other) for one, other in zip(results[name], results[of], strict=True))

        middles = {name: middle_of(results[name], per_second) for name in names}
        self.bench.keep_plot("write-256-callers", middles["uniform"], results["uniform"])
        for name, what in (("empty", "empty handler, 256 callers, in turns with the commands"), ("handed", "empty handler that another thread answers, as all must that wait for a disk, in turns with the commands")):
            middle = middles[name]
            self.add("Limits", what, f"{rate(per_second(middle))}{spread(middle)}, p99 {ms(latency(middle, 'p99'))}", command=middle["command"])
        uniform = middles["uniform"]
        self.write_rate = per_second(uniform)
        of_empty = share("uniform", "empty")
        self.add(
            "1 Unary, 256 callers", "1,000 entities",
            f"{rate(self.write_rate)}{spread(uniform)}, {of_empty:.0%} of the ceiling ({share('uniform', 'handed'):.0%} of the one that another thread answers); p50 {ms(latency(uniform, 'p50'))}, p99 {ms(latency(uniform, 'p99'))}",
            "55 % of an empty handler, and 60,000/s", of_empty >= 0.55 and self.write_rate >= 60_000, rate(per_second(middles["empty"])), uniform["command"],
        )
        for name, target in (("hot", 0.9), ("zipf", None)):
            result = middles[name]
            of_uniform = share(name, "uniform")
            self.add(
                "1 Unary, 256 callers", {"hot": "one hot entity", "zipf": "1,000 entities, Zipf"}[name],
                f"{rate(per_second(result))}{spread(result)}, {of_uniform:.0%} of the above; p99 {ms(latency(result, 'p99'))}",
                f"{target:.0%} of the above" if target else "", of_uniform >= target if target else None, command=result["command"],
            )

    def lone(self, url):
        """In turns with the disk and the empty handler: the share is the median of the turns' shares."""
        turns = []
        with EmptyServer(self.build) as empty:
            for _ in range(COMPARED_TURNS):
                sync = self.bench("fsync", "--store-path", self.folder, "--duration", 1)["latency_us"]["p50"] / 1e3
                nothing = self.bench("empty", *self.empty_flags(empty, "Inline"), "--callers", 1, *self.timed(1, 0.5))
                one = self.bench("write", *url, "--callers", 1, *self.timed(0.6 * self.sizes.seconds))
                floor = latency(nothing, "p50") + sync
                turns.append((latency(one, "p50") / floor, floor, one))
        share, floor, one = sorted(turns, key=lambda turn: turn[0])[COMPARED_TURNS // 2]
        self.add(
            "2 Unary, 1 caller", "p50",
            f"{ms(latency(one, 'p50'))}, {share:.2f} × the floor ({min(turn[0] for turn in turns):.2f} to {max(turn[0] for turn in turns):.2f} in {COMPARED_TURNS} turns); {rate(per_second(one))}, p99 {ms(latency(one, 'p99'))}",
            "1.4 × (empty p50 + fdatasync p50)", share <= 1.4, ms(floor), one["command"],
        )

    def streamed(self, url):
        timed = self.timed(0.6 * self.sizes.seconds)
        stream = self.bench.median(per_second, "stream", *url, "--callers", 4096, "--connections", 4, *timed, turns=COMPARED_TURNS)
        self.add(
            "3 Batched and in process", "ExecuteStream", f"{rate(per_second(stream))}{spread(stream)}, p99 {ms(latency(stream, 'p99'))}",
            "200,000/s", per_second(stream) >= 200_000, command=stream["command"],
        )
        store = self.folder / "in-process"
        flags = ["--store-path", store, "--modules-path", self.folder / "commands" / "modules"]

        # On a store of its own each: what is measured is no rebuilding of the entities of the turn before. Nothing is deleted before all is measured: where a file
        # system tells its disk of freed blocks, syncs wait for that for tens of milliseconds.
        def set_aside():
            if store.exists():
                store.rename(self.folder / f"in-process-{time.monotonic_ns()}")

        inside = self.bench.median(per_second, "write", "--in-process", *flags, "--callers", 2048, *timed, turns=COMPARED_TURNS, before=set_aside)
        self.add(
            "3 Batched and in process", "in process", f"{rate(per_second(inside))}{spread(inside)}, p99 {ms(latency(inside, 'p99'))}",
            "300,000/s", per_second(inside) >= 300_000, command=inside["command"],
        )

    def half_load(self, server, url):
        calm = self.bench.at_half_the_maximum(self.timed(), *url, plot="half-load", disk_of=self.folder)
        self.add(
            "4 Latency at half the load", "p99.9, with flushes and compaction as they come",
            f"{ms(p999(calm))}{spread(calm, p999, ms)}; p50 {ms(latency(calm, 'p50'))}, p99 {ms(latency(calm, 'p99'))}, max {ms(longest(calm))}",
            "10 ms", p999(calm) <= 10, disk_floor(calm), command=calm["command"],
        )
        published = 0

        @contextmanager
        def publishing():
            stopped = threading.Event()

            def publish():
                nonlocal published
                component = (self.build.modules / "counter.wasm").read_bytes()
                while not stopped.wait(1):
                    published += 1
                    file = self.folder / "published.wasm"
                    file.write_bytes(component + custom_section(f"version {published}"))
                    # Who publishes is elsewhere, as a rule: the start of a program takes no core from the commands.
                    subprocess.run(["chrt", "--idle", "0", self.build.thalo, "publish", "--url", server.url, "other", file], check=True, capture_output=True)

            publisher = threading.Thread(target=publish)
            publisher.start()
            try:
                yield
            finally:
                stopped.set()
                publisher.join()

        busy = self.bench.at_half_the_maximum(self.timed(), *url, beside=publishing, disk_of=self.folder)
        self.add(
            "4 Latency at half the load", f"p99.9 while another module is published {published} times, about once a second, by a program of idle priority",
            f"{ms(p999(busy))}{spread(busy, p999, ms)}; p99 {ms(latency(busy, 'p99'))}, max {ms(longest(busy))}",
            "10 ms", p999(busy) <= 10, disk_floor(busy), command=busy["command"],
        )

    def without_disk(self):
        """Half of the load once more where a sync costs nothing: what is left of p99.9 is the runtime's and the cores', not the disk's."""
        memory = Path("/dev/shm")
        if not os.path.ismount(memory) or min(shutil.disk_usage(memory).free, memory_available()) < 4 << 30:
            self.say("    not measured: /dev/shm or the machine has less than 4 GiB free")
            return
        with tempfile.TemporaryDirectory(prefix="thalo-bench-", dir=memory) as folder:
            there = Measurements(self.build, Bench(self.build, Path(folder)), Path(folder), self.sizes, lambda text: None)
            with there.server("commands") as server:
                there.half_load(server, self.urls(server))
            stalls.measure(there)
        for figure in there.figures:
            self.say(f"    {figure.what}: {figure.measured}")
            self.figures.append(replace(figure, group=WITHOUT_DISK, target="", met=None, ceiling="", command="scripts/bench build/release without_disk"))

    # Targets 5 and 7: one store that grows.

    def growth(self):
        with self.server("growth-more") as more, self.server("growth") as server:
            servers = {1_000_000: more, self.sizes.events: server}
            for events, filled in servers.items():
                self.fill(self.urls(filled), events)
            self.grown(servers)
            more.stop()
            self.reading(self.urls(server))
            self.restarts(server)
        self.streams()

    def urls(self, server):
        return ["--url", server.url, "--store-path", server.store]

    def grown(self, servers):
        """In turns with little, more and much stored, and the median of each: compared is what was measured close together."""
        rates = {events: [] for events in (1000, *servers)}
        for turn in range(GROWTH_TURNS):
            with self.server(f"growth-1000-{turn}") as new:
                self.fill(self.urls(new), 1000)
                for events, server in in_turn(turn, [(1000, new), *servers.items()]):
                    rates[events].append(per_second(self.bench("write", *self.urls(server), *self.growth_timed())))
        self.growth_figure("events stored when the measurement began", "events", rates)

    def stored(self, url):
        return self.bench("read", *url, "--callers", 1, "--duration", 0.1, "--warm-up", 0)["store"]["events_after"]

    def fill(self, url, events):
        """Until the store has so many events, in 10,000 streams."""
        missing = events - self.stored(url)
        if missing > 0:
            batch = min(100, missing)
            flags = ["--batch", batch, "--operations", missing // batch, "--entities", 10_000, "--entity-prefix", "fill"]
            self.bench("append", *url, *flags, "--callers", 64, "--duration", 3600, "--warm-up", 0)

    def growth_timed(self):
        return self.timed(0.3 * self.sizes.seconds, warm_up=0.5)

    def growth_figure(self, what, curve, rates):
        self.curves[curve] = [(x, statistics.median(values)) for x, values in rates.items()]
        # Each turn's rates as shares of that turn's mean: between two turns the machine itself may have become faster or slower.
        means = [statistics.mean(turn) for turn in zip(*rates.values(), strict=True)]
        shares = [statistics.median(value / mean for value, mean in zip(values, means, strict=True)) for values in rates.values()]
        lowest, highest = min(shares), max(shares)
        points = ", ".join(f"{x:,}: {rate(statistics.median(values))} ({rate(min(values))} to {rate(max(values))})" for x, values in rates.items())
        self.add(
            "7 Growth", what, f"{points}; the lowest is {lowest / highest:.0%} of the highest (compared within each turn; medians of {len(means)} turns)",
            "the lowest at least 80 % of the highest", lowest >= 0.8 * highest, command="thalo bench write (256 callers)",
        )

    def reading(self, url):
        cold = self.bench("coldstart", *url, "--events", 100_000, "--streams", 3)
        self.add(
            "5 Reading and starting", "a cold entity of 100,000 events", rate(cold["events_per_second"]).replace("/s", " events/s"),
            "500,000 events/s", cold["events_per_second"] >= 500_000, command=cold["command"],
        )
        read = self.bench("read", *url, "--callers", 1, *self.timed())
        self.add(
            "5 Reading and starting", "ReadAll over gRPC", rate(per_second(read, "events_read")).replace("/s", " events/s"),
            "800,000 events/s", per_second(read, "events_read") >= 800_000, command=read["command"],
        )

    def restarts(self, server):
        events = self.stored(["--url", server.url])
        for name, end in (("after a clean stop", server.stop), ("after kill -9 under load", lambda: self.kill_under_load(server))):
            end()
            server.start()
            now = self.stored(["--url", server.url])
            if now < events:
                raise Failed(f"{events} events before the restart, {now} behind it")
            self.add(
                "5 Reading and starting", f"start with {now / 1e6:.1f} million events, {name}", f"{server.start_seconds:.2f} s",
                "2 s with 10 million", server.start_seconds <= 2, command="thalo-runtime, from exec to listening",
            )
            events = now

    def kill_under_load(self, server):
        load = subprocess.Popen(
            [self.build.thalo, "bench", "write", "--url", server.url, "--duration", "10"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(3)
        server.kill()
        load.kill()
        load.wait()

    def streams(self):
        counts = (100, 10_000, 1_000_000)
        rates = {count: [] for count in counts}
        with self.server("streams", "--cache-size", sum(counts)) as server:
            entities = {count: [*self.urls(server), "--entities", count, "--entity-prefix", f"of{count}-"] for count in counts}
            # Each once first: what is measured is how many there are, not that they are new.
            for count in counts:
                self.bench("write", *entities[count], "--distribution", "each", "--operations", count, "--duration", 3600, "--warm-up", 0)
            for turn in range(GROWTH_TURNS):
                for count in in_turn(turn, counts):
                    rates[count].append(per_second(self.bench("write", *entities[count], *self.growth_timed())))
            memory = server.memory_mb()
            self.growth_figure(f"streams, commands to random ones of them, all in memory (--cache-size {sum(counts):,}: {memory:,.0f} MB)", "streams", rates)
            server.stop()
        self.cold_streams()

    def cold_streams(self):
        """The store of a million streams with the cache as it is by default: a command finds its entity in memory once in a hundred times."""
        with self.server("streams") as server:
            result = self.bench("write", "--url", server.url, "--store-path", server.store, *self.timed(), "--entities", 1_000_000, "--entity-prefix", "of1000000-")
            self.add(
                "7 Growth", "1,000,000 streams, 10,000 entities in memory (the default): nearly every command rebuilds its entity",
                f"{rate(per_second(result))}, {per_second(result) / self.curves['streams'][-1][1]:.0%} of the same with all in memory; "
                f"p99 {ms(latency(result, 'p99'))}; {server.memory_mb():.0f} MB", command=result["command"],
            )

    # Target 6.

    def memory(self):
        with self.server("memory", "--cache-size", 120_000) as server:
            idle = server.memory_mb()
            self.bench(
                "write", "--url", server.url, "--distribution", "each", "--entities", 100_000, "--operations", 100_000, "--duration", 600, "--warm-up", 0
            )
            for entity in (0, 99_999):
                state = subprocess.run(
                    [self.build.thalo, "state", "--url", server.url, "counter", f"bench{entity}", "--describe", "--json"], capture_output=True, text=True, check=True
                )
                if not json.loads(state.stdout)["cached"]:
                    raise Failed(f"entity {entity} is not in memory")
            used = server.memory_mb()
        self.add(
            "6 Memory and disk", "100,000 counters in memory, resident bytes of the runtime", f"{used:.0f} MB ({idle:.0f} MB when started)",
            "120 MB", used <= 120, command="thalo bench write --distribution each --entities 100000 --operations 100000",
        )

    def import_file(self, server, file):
        """Going on where it stopped when the connection failed, as an import can."""
        command = [self.build.thalo, "import", "--url", server.url, "--timeout-ms", "600000", file]
        for _ in range(3):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                return
        raise Failed("an import failed: " + done.stderr)

    def disk(self):
        # An import waits for each event; many at once are committed together.
        files = [self.folder / f"events-{number}.jsonl" for number in range(16)]
        bytes_told = realistic_events(files, self.sizes.disk_events)
        with self.server("disk") as server:
            with ThreadPoolExecutor(len(files)) as pool:
                list(pool.map(lambda file: self.import_file(server, file), files))
            if self.stored(["--url", server.url]) != self.sizes.disk_events:
                raise Failed("not every event was imported")
            server.stop()
            # Once more, so that what the last log holds is in table files too.
            server.start()
            server.stop()
            stored = server.store_bytes("*.sst")
            others = server.store_bytes() - stored
        share = stored / bytes_told
        self.add(
            "6 Memory and disk", f"{self.sizes.disk_events:,} orders as JSON events: table files ÷ bytes of stream name, type, data, metadata",
            f"{share:.2f} ({stored / 1e6:.1f} MB ÷ {bytes_told / 1e6:.1f} MB; {others / 1e6:.1f} MB of logs and settings beside)",
            "1.2", share <= 1.2, command="thalo import; two clean stops",
        )

    # Beyond the capacity.

    def overload(self):
        with self.server("overload", modules=("work",)) as server:
            flags = ["--url", server.url, "--aggregate", "work", "--command", "Work", "--payload", '{"rounds":300000}', "--payload-size", 0]
            before = self.bench("write", *flags, *self.timed())
            capacity = per_second(before)
            load = ["--rate", int(10 * capacity), "--callers", 30_000, "--connections", 32]
            calm_mb = server.memory_mb()
            with MemoryWatch(server) as watch:
                over = self.bench("write", *flags, *load, *self.timed(self.sizes.overload_seconds, 2), plot="overload")
            after = self.bench("write", *flags, *self.timed())
        half = watch.samples[len(watch.samples) // 2 :]
        growth = max(mb for _, mb in half) / max(mb for _, mb in watch.samples[: len(watch.samples) // 2]) - 1
        group = "Overload: 10 × the capacity, open loop"
        self.add(group, "capacity (a command of about half a millisecond)", rate(capacity), command=before["command"])
        self.add(
            group, "memory", f"{calm_mb:.0f} MB before, {watch.most_mb:.0f} MB at most; {growth:+.0%} in the second half", "flat: within 10 % in the second half",
            growth <= 0.1, command=over["command"],
        )
        # Twice --queue-wait-ms: the queue is as long as the speed of the last commands says, and that falls when the refusing begins.
        bound = 4000
        self.add(
            group, "accepted commands", f"{rate(per_second(over))}, p50 {ms(latency(over, 'p50'))}, max {ms(latency(over, 'max'))}",
            f"bounded by twice --queue-wait-ms: {ms(bound)}", latency(over, "max") <= bound,
        )
        self.add(
            group, "refused commands", f"{rate(per_second(over, 'refused'))}, p50 {ms(latency(over, 'p50', 'refused'))}, p99 {ms(latency(over, 'p99', 'refused'))}",
            "at once: p50 within 20 ms", latency(over, "p50", "refused") <= 20,
        )
        share = per_second(after) / capacity
        self.add(group, "throughput afterwards", f"{rate(per_second(after))}, {share:.0%} of before", "at least 90 % of before", share >= 0.9)


    # The parts of the path of a command, alone.

    def feeds(self):
        feeds.measure(self)

    def stalls(self):
        stalls.measure(self)

    def single(self):
        bin = self.build.folder / "bin"
        programs = [
            ("The guest", [bin / "wasm_bench", self.build.modules / "counter.wasm", "Increment"]),
            ("The store", [bin / "store_bench", self.folder, "1000000" if self.sizes.full else "300000"]),
            ("Hot functions", [bin / "bench_functions", "--benchmark_min_time=0.2"]),
        ]
        for title, command in programs:
            done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            self.texts.append((f"{title}: `{command[0].name}`", done.stdout.rstrip()))
            self.say(f"    {title.lower()}")


def memory_available():
    """Bytes that programs can still have."""
    return 1024 * int(re.search(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)[1])


def custom_section(text):
    """A section that changes a component's digest and nothing else."""
    body = bytes([4]) + b"note" + text.encode()
    return bytes([0, len(body)]) + body


def realistic_events(paths, count):
    """Events of a web shop as a client would import them; returns the bytes of their names, types, data and metadata."""
    choose = random.Random(7)
    cities = ["Berlin", "Lyon", "Porto", "Graz", "Gent", "Turku", "Brno", "Aarhus", "Sevilla", "Galway"]
    products = [f"{kind} {size}" for kind in ("Lamp", "Desk", "Chair", "Shelf", "Carpet", "Mirror") for size in ("S", "M", "L", "XL")]
    versions = {}
    total = 0
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "w")) for path in paths]
        for position in range(count):
            order = choose.randrange(count // 5)
            stream = f"order-{order:08x}{order * 2654435761 % 2**32:08x}"
            version = versions.get(stream, 0)
            versions[stream] = version + 1
            if version == 0:
                kind = "OrderPlaced"
                body = {
                    "customer": f"c-{choose.getrandbits(48):012x}",
                    "items": [
                        {"product": choose.choice(products), "quantity": choose.randrange(1, 5), "unit_cents": choose.randrange(500, 90_000)}
                        for _ in range(choose.randrange(1, 4))
                    ],
                    "ship_to": {"city": choose.choice(cities), "postcode": f"{choose.randrange(100_000):05d}", "street": f"Main Street {choose.randrange(200)}"},
                    "currency": "EUR",
                }
            else:
                kind = choose.choice(["PaymentReceived", "ParcelSent", "ParcelDelivered", "NoteAdded"])
                body = {"reference": f"{choose.getrandbits(64):016x}", "amount_cents": choose.randrange(500, 90_000), "by": choose.choice(["web", "app", "desk"])}
            text = json.dumps(body, separators=(",", ":"))
            metadata = json.dumps({"correlation_id": f"{choose.getrandbits(128):032x}"}, separators=(",", ":"))
            total += len(stream) + len(kind) + len(text.encode()) + len(metadata)
            event = {"global_position": position, "position": version, "stream": stream, "type": kind, "time": 1_700_000_000_000 + 7 * position}
            files[order % len(files)].write(json.dumps(event, separators=(",", ":"))[:-1] + f',"data":{text},"metadata":{metadata}}}\n')
    return total


