"""`thalo execute` with many commands: JSON Lines in, an answer a line out."""

import json
import signal
import subprocess

from harness import CLI, add_module, runtime, thalo


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def command(id, amount=1, **more):
    return json.dumps({"category": "counter", "id": id, "command": "Increment", "payload": {"amount": amount}, **more})


def write(path, commands):
    path.write_text("".join(one + "\n" for one in commands))
    return path


def amounts(server, stream):
    return [json.loads(event.data)["amount"] for event in server.events(stream)]


def test_every_line_is_executed_and_answered_by_its_number(folder, server):
    many = [command(str(i % 7), i + 1) for i in range(2000)]
    done = server.thalo("execute", "--lines", write(folder / "many.jsonl", many))
    assert done.returncode == 0, done.stderr
    answers = lines(done.stdout)
    assert sorted(answer["line"] for answer in answers) == list(range(1, 2001))
    assert {answer["outcome"] for answer in answers} == {"accepted"}
    by_line = {answer["line"]: answer["events"][0] for answer in answers}
    assert all(by_line[i + 1]["stream"] == f"counter-{i % 7}" and by_line[i + 1]["data"] == {"amount": i + 1} for i in range(2000))
    for id in range(7):
        assert amounts(server, f"counter-{id}") == [i + 1 for i in range(2000) if i % 7 == id], "in the order of the lines"
    assert "2000 commands: 2000 accepted, 0 rejected, 0 failed" in done.stderr


def test_standard_input_bad_lines_rejections_and_exit_codes(server):
    def run(text, *flags):
        return subprocess.run([CLI, "execute", "-", "-u", f"http://{server.target}", *flags], input=text, capture_output=True, text=True, timeout=60)

    assert run("").returncode == 0
    rejected = run(command("a", 5) + "\n\n" + json.dumps({"category": "counter", "id": "a", "command": "Decrement", "payload": {"amount": 9}}))
    assert rejected.returncode == 3 and "1 accepted, 1 rejected, 0 failed" in rejected.stderr
    assert [(a["line"], a["outcome"]) for a in lines(rejected.stdout)] == [(1, "accepted"), (3, "rejected")], "an empty line counts and is left out"
    bad = [
        ("nonsense", "not valid JSON at byte 1"),
        ("[1]", "not a JSON object"),
        ('{"category":"counter","command":"Increment"}', "`id` is missing"),
        ('{"category":"counter","id":7,"command":"Increment"}', "`id` is no string"),
        (command("a", ammount=3), "`ammount` is not a member of a command"),
        (command("a", 5)[:-1] + ',"id":"b"}', "`id` is there twice"),
        (command("a", expected_version=-1), "`expected_version` is no whole number"),
        (command("a", metadata=[]), "`metadata` is no JSON object"),
        ('{"category":"nobody","id":"a","command":"Increment"}', "no aggregate named 'nobody'"),
        (command("a", expected_version=9), "has version 1, not the expected 9"),
        ('{"category":"counter","id":"a","command":"Increment","payload":{"amount":"x"}}', "amount"),
    ]
    done = run("\n".join([text for text, _ in bad] + [command("b")]), "--quiet")
    answers = {a["line"]: a for a in lines(done.stdout)}
    assert done.returncode == 1 and sorted(answers) == list(range(1, len(bad) + 1)), "the good line after them is executed, and not shown"
    for number, (_, text) in enumerate(bad, 1):
        assert answers[number]["outcome"] == "failed" and text in answers[number]["message"], answers[number]
    assert answers[10]["code"] == "ABORTED" and answers[10]["retryable"] and not answers[1]["retryable"]
    assert amounts(server, "counter-b") == [1] and amounts(server, "counter-a") == [5]
    both = thalo("execute", "counter", "a", "--lines", "x")
    assert both.returncode == 2 and "--lines" in both.stderr
    missing = server.thalo("execute", "--lines", "/no/such/file")
    assert missing.returncode == 1 and "cannot read /no/such/file: No such file" in missing.stderr


def test_a_line_is_answered_before_the_next_is_there(server):
    talk = subprocess.Popen(
        [CLI, "execute", "-", "-u", f"http://{server.target}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for version in range(1, 4):
        talk.stdin.write(command("a") + "\n")
        talk.stdin.flush()
        assert json.loads(talk.stdout.readline())["version"] == version
    talk.send_signal(signal.SIGINT)
    out, err = talk.communicate(timeout=60)
    assert talk.returncode == 1 and out == "" and "go on with --from-line 4" in err


def test_the_same_file_again_changes_nothing(folder, server):
    file = write(folder / "once.jsonl", [command(str(i % 3)) for i in range(60)] + [command("own", command_id="mine")])
    for repeated in (False, True):
        done = server.thalo("execute", "--lines", file, "--command-ids", "march")
        assert done.returncode == 0 and {answer["repeated"] for answer in lines(done.stdout)} == {repeated}
        assert [len(server.events(f"counter-{id}")) for id in (0, 1, 2, "own")] == [20, 20, 20, 1]
    events = server.events("counter-0") + server.events("counter-own")
    assert json.loads(events[0].metadata)["command_id"] == "march-1" and json.loads(events[-1].metadata)["command_id"] == "mine"
    rest = server.thalo("execute", "--lines", file, "--from-line", "60")
    assert sorted(answer["line"] for answer in lines(rest.stdout)) == [60, 61]


def test_one_command_id_many_times_at_once_has_one_effect(folder, server):
    file = write(folder / "same.jsonl", [command("a", 5, command_id="pay", correlation_id="c", causation_id="d", metadata={"by": "ann"})] * 300)
    done = server.thalo("execute", "--lines", file)
    answers = lines(done.stdout)
    assert done.returncode == 0 and [a["repeated"] for a in answers].count(False) == 1
    assert {a["events"][0]["id"] for a in answers} == {server.events("counter-a")[0].id} and len(server.events("counter-a")) == 1
    metadata = json.loads(server.events("counter-a")[0].metadata)
    assert metadata == {"command_id": "pay", "correlation_id": "c", "causation_id": "d", "metadata": {"by": "ann"}}


def test_a_server_that_dies_loses_no_line_and_doubles_none(folder):
    count = 20000
    file = write(folder / "long.jsonl", [command(str(i % 50), i + 1) for i in range(count)])
    with runtime(folder) as server:
        words = [CLI, "execute", "--lines", file, "--command-ids", "run", "-u", f"http://{server.target}"]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # Who does not read on keeps it from getting to the end before the server dies.
        first = "".join(running.stdout.readline() for _ in range(500))
        server.kill()
        out, err = running.stdout.read(), running.stderr.read()
    assert running.wait(120) == 1 and "may or may not have been executed: go on with --from-line" in err, err
    go_on = int(err.split("--from-line ")[1].split()[0])
    answered = {answer["line"] for answer in lines(first + out)}
    assert set(range(1, go_on)) <= answered, "every line before the one it names is answered"
    with runtime(folder) as server:
        rest = server.thalo("execute", "--lines", file, "--command-ids", "run", "--from-line", go_on, "--quiet")
        assert rest.returncode == 0 and rest.stdout == "", rest.stderr
        for id in range(50):
            assert amounts(server, f"counter-{id}") == [i + 1 for i in range(count) if i % 50 == id]


def test_a_payload_from_a_file_and_from_standard_input(folder, server):
    (folder / "payload.json").write_text('{"amount":7}\n')
    at = f"@{folder / 'payload.json'}"
    url = ["-u", f"http://{server.target}"]
    assert server.thalo("execute", "counter", "a", "Increment", at).stdout == 'Executed with 1 event:\n    Incremented  {"amount":7}\n'
    assert "Would execute with 1 event" in server.thalo("dry-run", "counter", "a", "Increment", at).stdout
    assert server.thalo("append", "audit-1", "Noted", at).returncode == 0
    for words in (["execute", *url, "counter", "a", "Increment", "-"], ["dry-run", *url, "counter", "a", "Increment", "-"], ["append", *url, "audit-1", "Noted", "-"]):
        done = subprocess.run([CLI, *words], input='{"amount":8}\n', capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert amounts(server, "counter-a") == [7, 8] and amounts(server, "audit-1") == [7, 8]
    missing = server.thalo("execute", "counter", "a", "Increment", "@/no/such")
    assert missing.returncode == 1 and "cannot read /no/such: No such file" in missing.stderr


def test_a_large_message_and_a_hundred_under_way(folder):
    add_module(folder)
    fill = "x" * 60000
    with runtime(folder) as server:
        file = write(folder / "large.jsonl", [command(str(i), i + 1, metadata={"fill": fill}) for i in range(300)])
        done = server.thalo("execute", "--lines", file, "--under-way", "100")
        assert done.returncode == 0 and "300 accepted" in done.stderr, done.stderr
        assert sum(len(server.events(f"counter-{i}")) for i in range(300)) == 300
