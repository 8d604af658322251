"""Starts what is measured, drives it with `thalo bench`, and looks at its memory and disk."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import nullcontext
from pathlib import Path


class Failed(Exception):
    """A measurement whose result cannot be trusted or did not come."""


class Build:
    """The programs of a build folder."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.thalo = self.folder / "bin" / "thalo"
        self.runtime = self.folder / "bin" / "thalo-runtime"
        self.empty_server = self.folder / "bin" / "bench_net_empty_server"
        self.modules = self.folder / "modules"


class Bench:
    """Runs `thalo bench` and keeps what it said."""

    def __init__(self, build, plots):
        self.build = build
        self.plots = plots

    def __call__(self, workload, *flags, plot=None):
        command = [self.build.thalo, "bench", workload, *flags, "--json"]
        if plot:
            command += ["--plot", self.plots / f"{plot}.svg"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=3600)
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command[1:]))}\n{done.stderr.strip()}")
        result = json.loads(done.stdout)
        # The command as a reader can repeat it: the server's port and the temporary folder mean nothing to them.
        result["command"] = f"thalo bench {workload} " + " ".join(readable(flags))
        if plot:
            result["plot"] = file = self.plots / f"{plot}.svg"
            file.write_text(file.read_text().replace(f">{result['command_line']}<", f">{result['command']}<"))
        return result

    def median(self, key, workload, *flags, turns=3, plot=None, before=lambda: None, beside=nullcontext, disk_of=None):
        """The turn whose `key` is the median of several: a shared machine's speed changes from one moment to the next. `before` is called before each
        and may answer with more flags for it; `beside` makes a context for each. With `disk_of`, a folder, each has the `disk_p999_ms` of its disk."""
        results = []
        for turn in range(turns):
            more = before() or []
            with Disk(disk_of) as disk, beside():
                results.append(self(workload, *flags, *more, plot=plot and f"{plot}-{turn}"))
            results[-1]["disk_p999_ms"] = disk.p999_ms(results[-1]["settings"]["duration_s"])
        middle = middle_of(results, key)
        if plot:
            self.keep_plot(plot, middle, results)
        return middle

    def keep_plot(self, name, kept, results):
        """Of several runs' plots the one that is shown, under its own name."""
        for result in results:
            if result is kept:
                result["plot"].rename(self.plots / f"{name}.svg")
            else:
                result["plot"].unlink()

    def half_of_the_maximum(self, *flags):
        """Flags for an open loop at half of what writing with `flags` reaches just now: a minute later it may be another."""
        return ["--rate", int(self("write", *flags, "--duration", 2, "--warm-up", 0.5)["per_second"]["done"] / 2), "--callers", 2000]

    def at_half_the_maximum(self, timed, *flags, **options):
        """Writing, the median of five turns' p99.9 (of three it is often one in which the machine was held up), the maximum measured right before each turn."""
        return self.median(p999, "write", *flags, *timed, turns=5, before=lambda: self.half_of_the_maximum(*flags), **options)


def middle_of(results, key):
    """The one whose `key` is the median; its `turns` are all of them, sorted."""
    turns = sorted(results, key=key)
    middle = turns[len(turns) // 2]
    middle["turns"] = turns
    return middle


def p999(result):
    """Milliseconds."""
    return result["latency_us"]["write"]["p99.9"] / 1e3


class Watch:
    """Calls `look` again and again on a thread of its own, as long as the context is entered."""

    def __init__(self, every_s):
        self.every_s = every_s
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stopped.wait(self.every_s):
            self.look()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


class Disk(Watch):
    """How long the disk of a folder has requests before it and completes none: what no program above it can make shorter."""

    EVERY_S = 0.005
    SILENT_S = 2 * EVERY_S  # shorter silences cannot be told from the distance between two looks

    def __init__(self, folder):
        super().__init__(self.EVERY_S)
        self.silences = []  # (begin, end), in seconds of the monotonic clock
        self.statistics = None
        if folder is not None:
            device = os.stat(folder).st_dev
            file = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
            self.statistics = file if file.exists() else None  # none of a file system without a disk of its own
        self.completed = None
        self.since = self.last_look = time.monotonic()

    def look(self):
        if self.statistics is None:
            return
        fields = [int(field) for field in self.statistics.read_text().split()]
        completed, in_flight = (fields[0], fields[4], *fields[11:12], *fields[15:16]), fields[8]
        now = time.monotonic()
        if in_flight == 0 or completed != self.completed:
            self.end_silence()
            self.completed, self.since = completed, now
        self.last_look = now

    def end_silence(self):
        if self.last_look - self.since >= self.SILENT_S:
            self.silences.append((self.since, self.last_look))

    def __exit__(self, *_):
        super().__exit__()
        self.end_silence()
        self.ended = time.monotonic()

    def p999_ms(self, last_s):
        """What one of a thousand moments waits, at the least, until the disk answers again; of the last so many seconds, since a warm-up is not measured."""
        begun = self.ended - last_s
        longest_first = sorted((end - max(begin, begun) for begin, end in self.silences if end > begun), reverse=True)
        bearable = 0.001 * last_s
        for count in range(1, len(longest_first) + 1):
            # The wait w that is exceeded for `bearable` seconds in all, if only the first `count` silences are longer: sum(L - w) = bearable.
            wait = (sum(longest_first[:count]) - bearable) / count
            if count == len(longest_first) or wait >= longest_first[count]:
                return max(0.0, wait) * 1e3
        return 0.0


def disk_floor(result):
    """The p99.9 of waiting for the disk alone, in the turn of a median and in all of them."""
    waits = [turn["disk_p999_ms"] for turn in result["turns"]]
    return f"the disk alone: {result['disk_p999_ms']:.0f} ms ({min(waits):.0f} to {max(waits):.0f})"


def readable(flags):
    out, skip = [], False
    for flag in map(str, flags):
        if skip:
            skip = False
        elif flag in ("--url", "--store-path", "--modules-path", "--entity-prefix"):
            skip = True
        else:
            out.append(f"'{flag}'" if "{" in flag else flag)
    return out


class Server:
    """A thalo-runtime on a free port, on a folder of its own."""

    def __init__(self, build, folder, *flags, modules=("counter",)):
        self.folder = Path(folder)
        self.store = self.folder / "store"
        modules_folder = self.folder / "modules"
        modules_folder.mkdir(parents=True, exist_ok=True)
        for name in modules:
            if not (modules_folder / f"{name}.wasm").exists():
                shutil.copy(build.modules / f"{name}.wasm", modules_folder)
        self.command = [build.runtime, "-s", self.store, "-m", modules_folder, "--addr", "127.0.0.1:0", *flags]
        self.start()

    def start(self):
        begun = time.monotonic()
        self.log = []
        self.address = None
        listening = threading.Event()
        self.process = subprocess.Popen([str(part) for part in self.command], stderr=subprocess.PIPE, text=True)

        def read():
            for line in self.process.stderr:
                self.log = self.log[-50:] + [line]
                if found := re.search(r'listening addr="([^"]+)"', line):
                    self.address = found[1]
                    listening.set()
            listening.set()

        threading.Thread(target=read, daemon=True).start()
        listening.wait(600)
        self.start_seconds = time.monotonic() - begun
        if not self.address:
            raise Failed("thalo-runtime did not start:\n" + "".join(self.log))

    @property
    def url(self):
        return f"http://{self.address}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def memory_mb(self, field="VmRSS"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", status)[1]) / 1024

    def store_bytes(self, pattern="*"):
        return sum(file.stat().st_size for file in self.store.rglob(pattern) if file.is_file())


class MemoryWatch(Watch):
    """The memory of a server while something is done to it."""

    def __init__(self, server, every_s=0.25):
        super().__init__(every_s)
        self.server = server
        self.begun = time.monotonic()
        self.samples = []

    def look(self):
        try:
            self.samples.append((time.monotonic() - self.begun, self.server.memory_mb()))
        except (OSError, TypeError):
            self.stopped.set()  # it has ended

    @property
    def most_mb(self):
        return max((mb for _, mb in self.samples), default=0)


class EmptyServer:
    """Methods that do nothing, on Thalo's own transport: the ceiling."""

    def __init__(self, build):
        self.process = subprocess.Popen(
            [str(build.empty_server), "127.0.0.1:0", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.url = "http://" + self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
