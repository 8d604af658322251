"""What works on a store's folder without a server."""

import json

from harness import runtime, thalo


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def fill(server, count=30):
    for i in range(count):
        server.execute("counter", str(i % 4), "Increment", '{"amount":%d}' % (i + 1))


def test_a_closed_store_is_read_without_a_server(folder):
    store = folder / "store"
    with runtime(folder) as server:
        fill(server)
        asked = {
            name: server.thalo(*arguments).stdout
            for name, arguments in {
                "events": ("events", "counter-1", "--json", "--from", "2", "--limit", "3"),
                "backwards": ("events", "counter-1", "--json", "--backwards"),
                "streams": ("streams", "--json", "--category", "counter"),
                "export": ("export", "--from", "3", "--stream", "counter-2"),
            }.items()
        }
        running = thalo("streams", "--store", store)
        assert running.returncode == 1 and "in use by a running process" in running.stderr and "--url" in running.stderr
        server.kill()
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    assert thalo("events", "counter-1", "--store", store, "--json", "--from", "2", "--limit", "3").stdout == asked["events"] != ""
    assert thalo("events", "counter-1", "--store", store, "--json", "--backwards").stdout == asked["backwards"]
    assert thalo("streams", "--store", store, "--json", "--category", "counter").stdout == asked["streams"]
    assert thalo("export", "--store", store, "--from", "3", "--stream", "counter-2").stdout == asked["export"]
    assert {file: file.read_bytes() for file in store.rglob("*") if file.is_file()} == before
    missing = thalo("streams", "--store", folder / "nowhere")
    assert missing.returncode == 1 and "there is no store at" in missing.stderr
