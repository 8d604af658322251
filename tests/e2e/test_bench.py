"""thalo bench: every workload runs, every answer is checked, and the counts agree with the store. Speed is not judged."""

import json
import os
import subprocess
import xml.etree.ElementTree

import pytest
from harness import BUILD, CLI, PATIENCE, ROOT, add_module, runtime, thalo, wait_for

SHORT = ("--duration", "1", "--warm-up", "0.2")
LONG = ("--duration", "600", "--warm-up", "0")  # ended by --operations


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    add_module(folder)
    with runtime(folder) as started:
        yield started


def bench(server, workload, *flags, times=SHORT):
    done = thalo("bench", workload, "--url", f"http://{server.target}", "--json", *times, *flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fault"] == ""
    assert result["errors"] == {}
    return result


def stored(result):
    return result["store"]["events_after"] - result["store"]["events_before"]


@pytest.mark.parametrize(
    "flags",
    [
        ["write"],
        ["write", "--callers", "1"],
        ["write", "--distribution", "zipf", "--threads", "2"],
        ["write", "--distribution", "hot"],
        ["write", "--rate", "200", "--callers", "32"],
        ["write", "--distribution", "each", "--entities", "50", "--operations", "50"],
        ["stream", "--callers", "1000", "--connections", "2", "--batch", "50"],
    ],
    ids=" ".join,
)
def test_every_command_is_accepted_and_stored(server, flags):
    result = bench(server, *flags)
    assert result["total"]["accepted"] > 0
    assert stored(result) == result["total"]["events"] == result["total"]["accepted"]


def test_operations_end_the_run(server):
    result = bench(server, "write", "--operations", "50", "--entity-prefix", "counted", times=LONG)
    assert result["total"]["accepted"] == stored(result) == 50


def test_each_entity_in_turn(server):
    bench(server, "write", "--distribution", "each", "--operations", "50", "--entity-prefix", "turn", times=LONG)
    assert len(server.events("counter-turn0")) == len(server.events("counter-turn49")) == 1
    assert server.events("counter-turn50") == []


def test_subscribers_get_every_event_in_order(server):
    result = bench(server, "subscribe", "--callers", "32", "--subscribers", "3")
    assert result["total"]["events_read"] == 3 * stored(result) > 0
    assert result["latency_us"]["read"]["count"] > 0


def test_subscriptions_catch_up(server):
    bench(server, "write", "--operations", "100", times=LONG)
    result = bench(server, "catchup", "--callers", "2", "--connections", "2", "--operations", "2", times=LONG)
    assert result["total"]["accepted"] > 0
    assert result["total"]["events_read"] >= result["store"]["events_after"]


def test_projections_beside_a_load_get_every_event_in_order_and_are_gone_afterwards(server):
    result = bench(server, "subscribe", "--callers", "32", "--subscribers", "1", "--projections", "2")
    assert result["total"]["events_read"] == 3 * stored(result) > 0
    assert thalo("projections", "--url", f"http://{server.target}", "--json").stdout == ""


def test_projections_catch_up(server):
    bench(server, "write", "--operations", "100", times=LONG)
    result = bench(server, "project", "--callers", "2", "--connections", "2", "--operations", "2", times=LONG)
    assert result["total"]["accepted"] > 0
    assert result["total"]["events_read"] >= result["store"]["events_before"]
    assert thalo("projections", "--url", f"http://{server.target}", "--json").stdout == ""


def test_appended_batches(server):
    result = bench(server, "append", "--batch", "100", "--callers", "16")
    assert stored(result) == result["total"]["events"] == 100 * result["total"]["accepted"] > 0


def test_a_cold_entity_is_replayed_whole(server):
    done = thalo("bench", "coldstart", "--url", f"http://{server.target}", "--json", "--events", "3000", "--streams", "2")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["replay_seconds"]) == 2 and result["events_per_second"] > 0


def test_a_cold_entity_may_have_large_events(server):
    """More together than the server takes in one call."""
    flags = ["--events", "40", "--streams", "1", "--payload-size", "1000000"]
    done = thalo("bench", "coldstart", "--url", f"http://{server.target}", "--json", *flags)
    assert done.returncode == 0, done.stderr


def test_reads_see_every_event_in_order(server):
    bench(server, "write")
    result = bench(server, "read", "--callers", "2", "--connections", "2", "--operations", "2", times=LONG)
    assert result["total"]["events_read"] >= result["store"]["events_after"] > 0
    assert stored(result) == 0


def test_reads_of_an_empty_store_end_with_the_run(tmp_path):
    """They are so short that the last one is begun at the very end, and cancelled before it is sent."""
    add_module(tmp_path)
    with runtime(tmp_path) as started:
        for _ in range(3):
            read = bench(started, "read", "--callers", "1", times=("--duration", "0.1", "--warm-up", "0"))
            assert read["store"]["events_after"] == 0


def test_mixed_reads_and_writes(server):
    result = bench(server, "mixed", "--callers", "32", "--read-percent", "30")
    assert result["latency_us"]["read"]["count"] > 0
    assert stored(result) == result["total"]["events"] > 0


def test_an_empty_method_has_no_store(server):
    result = bench(server, "empty", "--callers", "32")
    assert result["total"]["accepted"] > 0
    assert "store" not in result


def test_in_process(tmp_path):
    add_module(tmp_path)
    done = thalo("bench", "write", "--in-process", "--store-path", tmp_path / "store", "--modules-path", tmp_path / "modules", "--json", *SHORT)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fault"] == "" and stored(result) == result["total"]["accepted"] > 0
    assert result["file_system"]


def test_the_file_systems_sync_is_the_floor(tmp_path):
    done = thalo("bench", "fsync", "--store-path", tmp_path, "--json", "--duration", "0.2")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["latency_us"]["count"] > 0
    assert list(tmp_path.iterdir()) == []


def test_rejections_are_answers_and_store_nothing(server):
    result = bench(server, "write", "--command", "Decrement", "--payload", '{"amount":1000000000}', "--callers", "8")
    assert result["total"]["rejected"] > 0
    assert result["total"]["accepted"] == stored(result) == 0


def test_the_report_tells_machine_command_and_durability(server, tmp_path):
    plot = tmp_path / "run.svg"
    flags = ["--store-path", server.folder, "--plot", plot, "--callers", "4"]
    done = thalo("bench", "write", "--url", f"http://{server.target}", *SHORT, *flags)
    assert done.returncode == 0, done.stderr
    for text in ("cores", "Linux", "synced", f"--plot {plot}", "p99.9", "acknowledged", "Checked: every answer is right."):
        assert text in done.stdout
    picture = plot.read_text()
    assert picture.startswith("<svg") and picture.count("<polyline") >= 5


def test_a_picture_is_written_through_links_and_pipes_which_stay(server, tmp_path):
    picture, link, pipe = (tmp_path / name for name in ("run.svg", "link.svg", "pipe"))
    picture.write_text("an older one, longer" * 100_000)
    link.symlink_to(picture)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    bench(server, "write", "--operations", "10", "--plot", link, times=LONG)
    bench(server, "write", "--operations", "10", "--plot", pipe, times=LONG)
    for text in (picture.read_text(), os.read(reader, 1 << 16).decode()):
        assert text.startswith("<svg") and text.endswith("</svg>\n")
    os.close(reader)
    assert link.is_symlink() and pipe.is_fifo()


def test_a_picture_is_xml_whatever_the_command_line_says(server, tmp_path):
    plot = tmp_path / "run.svg"
    bench(server, "empty", "--operations", "10", "--payload", '{"a":"]]><&"}', "--event-type", "\x01", "--plot", plot, times=LONG)
    assert '{"a":"]]><&"}' in "".join(xml.etree.ElementTree.parse(plot).getroot().itertext())


def test_a_picture_that_cannot_be_written_is_told_before_any_load(server, tmp_path):
    plot = tmp_path / "nosuch" / "run.svg"
    done = thalo("bench", "write", "--url", f"http://{server.target}", "--operations", "10", *LONG, "--plot", plot)
    assert done.returncode == 1 and f"cannot write {plot}: No such file or directory" in done.stderr
    assert done.stdout == ""


def test_another_writer_spoils_the_count_and_is_told(server):
    """The check is real: events that the load did not store are noticed."""
    import threading

    stop = threading.Event()

    def write():
        while not stop.is_set():
            server.execute("counter", "other", "Increment", '{"amount":1}')

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = thalo("bench", "write", "--url", f"http://{server.target}", *SHORT, "--callers", "4")
    finally:
        stop.set()
        writer.join()
    assert done.returncode == 1
    assert "does somebody else write to it?" in done.stderr


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["empty", "--empty-method", "/no.Such/Method"], "UNIMPLEMENTED"),
        (["empty", "--empty-method", "nosuch"], "UNKNOWN"),
        (["append", "--event-type", ""], "INVALID_ARGUMENT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_operations_that_fail_fail_the_run(server, flags, why):
    done = thalo("bench", *flags, "--url", f"http://{server.target}", "--json", "--operations", "10", *LONG)
    assert done.returncode == 1 and "the figures cannot be trusted: " in done.stderr
    result = json.loads(done.stdout)
    assert result["fault"] and next(iter(result["errors"])).startswith(why)


@pytest.mark.parametrize("workload", ["write", "mixed", "subscribe"])
def test_what_was_measured_is_reported_when_the_server_dies(tmp_path, workload):
    add_module(tmp_path)
    plot = tmp_path / "run.svg"
    with runtime(tmp_path) as server:
        command = [CLI, "bench", workload, "--url", f"http://{server.target}", "--json", "--plot", plot, *LONG]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(server.all_events, "events")
        server.kill()
        out, errors = load.communicate(timeout=PATIENCE)
    assert load.returncode == 1 and "the figures cannot be trusted: " in errors
    result = json.loads(out)
    assert result["total"]["unknown"] > 0 and result["fault"] in errors
    assert "store" not in result
    assert plot.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["sideways"], "sideways"),
        (["write", "--callers", "0"], "--callers must be 1 to 1000000"),
        (["write", "--callers", "-5"], "negative"),
        (["write", "--callers", "2", "--connections", "3"], "more than --callers 2"),
        (["write", "--duration", "0"], "--duration must be 0.1 to 86400 seconds"),
        (["write", "--rate", "fast"], "--rate"),
        (["write", "--rate", "-1"], "--rate must be 0 or 0.001 to 100000000 a second"),
        (["write", "--payload", "[1]"], "--payload is not a JSON object"),
        (["write", "--payload-size", "3"], "too small for --payload"),
        (["write", "--distribution", "gaussian"], "gaussian"),
        (["write", "--in-process"], "--in-process needs --store-path and --modules-path"),
        (["coldstart", "--in-process", "--store-path", "s", "--modules-path", "m"], "--in-process is for the workload write"),
        (["fsync", "--in-process", "--store-path", "."], "--in-process is for the workload write"),
        (["fsync"], "--store-path"),
        (["fsync", "--store-path", ".", "--plot", "run.svg"], "--plot has no picture of the workload fsync"),
        (["fsync", "--store-path", ".", "--duration", "0"], "--duration must be 0.1 to 86400 seconds"),
        (["coldstart", "--plot", "run.svg"], "--plot has no picture of the workload coldstart"),
        (["write", "--distribution", "each", "--threads", "2"], "--distribution each needs --threads 1"),
        (["subscribe", "--threads", "2"], "subscribe needs --threads 1"),
        (["subscribe", "--subscribers", "0"], "nobody would follow"),
        (["coldstart", "--events", "0"], "--events must be 1 to 10000000"),
        (["write", "--shards", "1025"], "--shards must be 0 to 1024"),
        (["write", "--url", "ftp:/x"], "is not of the form http://host:port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_flags_are_named(flags, message):
    done = thalo("bench", *flags)
    assert done.returncode == 2
    assert message in done.stderr


def test_wrong_targets_are_told_before_any_load(server, tmp_path):
    done = thalo("bench", "write", "--url", "http://127.0.0.1:1", *SHORT)
    assert done.returncode == 1 and "running there?" in done.stderr
    done = thalo("bench", "write", "--url", f"http://{server.target}", "--aggregate", "nosuch", *SHORT)
    assert done.returncode == 1 and "nosuch" in done.stderr
    done = thalo("bench", "write", "--in-process", "--store-path", tmp_path / "s", "--modules-path", tmp_path / "m")
    assert done.returncode == 1 and 'serves the aggregate "counter"' in done.stderr


def test_a_command_that_exceeds_a_limit_of_its_own_is_not_called_retryable(tmp_path):
    add_module(tmp_path, "hostile")
    with runtime(tmp_path, "--time-limit-ms", "100") as server:
        done = server.thalo("bench", "write", "--aggregate", "hostile", "--command", "Spin", "--payload", "{}", *SHORT)
    assert done.returncode == 1 and "[RESOURCE_EXHAUSTED]" in done.stderr, done.stderr


def test_the_page_shows_what_was_missed(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    from document import curve, page
    from figures import Figure

    machine = {"measured_at": "2026-01-31 12:00", "processor": "A processor", "cores": 2, "memory_gb": 8, "kernel": "Linux", "load_average": 0.1}
    figures = [Figure("1 Speed", "fast", "9/s", "5/s", True, "10/s", "thalo bench write"), Figure("1 Speed", "slow", "1/s", "5/s", False)]
    text = page(figures, [("A part", "figures")], machine, "ext4", False, "0.9.0", [("fast", "1 ", "A picture")])
    assert "Targets met: 1 of 2" in text
    assert "| fast | 9/s | 5/s | met | 10/s |" in text and "| slow | 1/s | 5/s | **missed** |" in text
    assert "    thalo bench write\n" in text and "(benchmarks/fast.svg)" in text and "```\nfigures\n```" in text
    assert curve([(1, 10), (1000, 20)], "Title", "x").count("<circle") == 2


def test_the_floor_of_p999_is_what_one_of_a_thousand_moments_waits_for_the_disk(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    from machinery import Disk

    def floor(*silences):
        """Of ten seconds that end at the hundredth."""
        disk = Disk(None)
        disk.silences, disk.ended = list(silences), 100
        return disk.p999_ms(10)

    assert floor() == 0
    assert floor((95, 95.009)) == 0  # nine milliseconds of ten thousand are less than one of a thousand
    assert floor((95, 95.1)) == pytest.approx(90)  # 10 ms of ten seconds wait for longer
    assert floor((92, 92.1), (95, 95.1)) == pytest.approx(95)
    assert floor((92, 92.05), (95, 95.1)) == pytest.approx(90)
    assert floor((80, 89), (89.5, 90.1)) == pytest.approx(90)  # what was before does not count


def test_growth_is_compared_within_each_turn(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    from figures import Measurements

    measurements = Measurements(None, None, None, None, lambda _: None)
    # The machine becomes slower from turn to turn, once in the middle of one: the medians of all are 60 and 41.
    measurements.growth_figure("streams", "streams", {1: [100, 60, 40], 10: [90, 30, 41]})
    assert "90% of the highest" in measurements.figures[-1].measured and measurements.figures[-1].met
    measurements.growth_figure("streams", "streams", {1: [100, 60, 40], 10: [70, 80, 28]})
    assert "70% of the highest" in measurements.figures[-1].measured and not measurements.figures[-1].met


def test_make_bench_names_its_parts():
    done = subprocess.run([ROOT / "scripts" / "bench", BUILD, "nosuch"], capture_output=True, text=True)
    assert done.returncode == 1
    for part in ("limits", "commands", "stalls", "growth", "memory", "disk", "overload", "feeds", "single"):
        assert f" {part} " in done.stderr


def test_make_bench_shows_floor_and_ceiling():
    """One part from end to end, through the programs it drives; nothing is written into the tree."""
    done = subprocess.run([ROOT / "scripts" / "bench", BUILD, "limits"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for what in ("fdatasync of 4 KiB", "empty handler, 1 caller", "empty handler, 256 callers"):
        assert f"| {what} |" in done.stdout
