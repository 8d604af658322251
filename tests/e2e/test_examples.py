"""The examples through the built programs."""

import json

import pytest
from harness import add_module, commands_pb2, commands_pb2_grpc, data, entities_pb2, entities_pb2_grpc, runtime


@pytest.fixture
def folder(tmp_path):
    add_module(tmp_path, "bank_account")
    add_module(tmp_path, "todos")
    return tmp_path


def refused(server, category, id, command, payload="{}"):
    return json.loads(server.execute(category, id, command, payload).rejected.error)


def state(server, category, id, **at):
    stub = entities_pb2_grpc.EntitiesStub(server.channel)
    answer = stub.StateAt(entities_pb2.StateAtRequest(category=category, id=id, **at), timeout=30)
    return answer.version, json.loads(answer.state)


def test_bank_account_and_its_four_errors(folder):
    with runtime(folder) as server:
        account = ("bankAccount", "ann")
        assert refused(server, *account, "DepositFunds", '{"cents":1}') == {"type": "AccountNotOpen"}
        done = server.thalo("execute", *account, "OpenAccount", '{"owner":"Ann","initial_cents":500}')
        assert done.stdout == 'Executed with 1 event:\n    AccountOpened  {"owner":"Ann","initial_cents":500}\n'
        assert refused(server, *account, "OpenAccount", '{"owner":"Bob"}') == {"type": "AccountAlreadyOpen"}
        twice = server.thalo("execute", *account, "OpenAccount", '{"owner":"Bob"}')
        assert twice.returncode == 3 and '{"type":"AccountAlreadyOpen"}' in twice.stderr
        assert refused(server, *account, "DepositFunds", '{"cents":0}') == {"type": "InvalidAmount", "cents": 0}
        assert refused(server, *account, "WithdrawFunds", '{"cents":0}') == {"type": "InvalidAmount", "cents": 0}
        server.execute(*account, "WithdrawFunds", '{"cents":200}')
        assert refused(server, *account, "WithdrawFunds", '{"cents":301}') == {"type": "InsufficientFunds", "balance_cents": 300, "cents": 301}
        server.kill()
    with runtime(folder) as server:
        assert refused(server, *account, "WithdrawFunds", '{"cents":301}')["balance_cents"] == 300
        assert server.execute(*account, "WithdrawFunds", '{"cents":300}').accepted.version == 3


def test_todos_with_several_events_in_one_command(folder):
    with runtime(folder) as server:
        for id in ("milk", "bread", "tea"):
            server.execute("todos", "home", "AddTodo", json.dumps({"id": id, "title": f"Buy {id}"}))
        for id in ("milk", "tea"):
            server.execute("todos", "home", "CompleteTodo", json.dumps({"id": id}))
        nothing = server.thalo("execute", "todos", "home", "CompleteTodo", '{"id":"tea"}')
        assert nothing.stdout == "Executed with 0 events\n"
        cleared = server.execute("todos", "home", "ClearCompleted")
        assert data(cleared.accepted.events) == [("TodoRemoved", {"id": "milk"}), ("TodoRemoved", {"id": "tea"})]
        assert refused(server, "todos", "home", "RemoveTodo", '{"id":"milk"}') == {"type": "TodoNotFound", "id": "milk"}
        server.kill()
    with runtime(folder) as server:
        assert state(server, "todos", "home") == (7, {"items": {"bread": {"title": "Buy bread", "done": False}}})


def test_todos_and_its_four_errors(folder):
    with runtime(folder) as server:
        home = ("todos", "home")
        added = server.thalo("execute", *home, "AddTodo", '{"id":"milk","title":"Buy milk"}')
        assert added.stdout == 'Executed with 1 event:\n    TodoAdded  {"id":"milk","title":"Buy milk"}\n'
        again = server.thalo("execute", *home, "AddTodo", '{"id":"milk","title":"Again"}')
        assert again.returncode == 3 and '{"type":"TodoAlreadyExists","id":"milk"}' in again.stderr
        for command, error in (
            ("RenameTodo", "TodoNotFound"),
            ("CompleteTodo", "TodoNotFound"),
            ("ReopenTodo", "TodoNotFound"),
            ("RemoveTodo", "TodoNotFound"),
        ):
            assert refused(server, *home, command, '{"id":"tea","title":"x"}') == {"type": error, "id": "tea"}
        assert refused(server, *home, "AddTodo", '{"id":"tea","title":""}') == {"type": "EmptyTitle"}
        assert refused(server, *home, "RenameTodo", '{"id":"milk","title":""}') == {"type": "EmptyTitle"}
        stub = commands_pb2_grpc.CommandsStub(server.channel)
        adding = [
            stub.Execute.future(
                commands_pb2.ExecuteRequest(category="todos", id="full", command="AddTodo", payload='{"id":"%d","title":"x"}' % number),
                timeout=60,
            )
            for number in range(1001)
        ]
        rejections = [answer.rejected.error for answer in (call.result() for call in adding) if answer.HasField("rejected")]
        assert rejections == ['{"type":"TooManyTodos","most":1000}']
        for command, payload in (("CompleteTodo", '{"id":"milk"}'), ("ReopenTodo", '{"id":"milk"}'), ("RenameTodo", '{"id":"milk","title":"Oats"}')):
            assert len(server.execute(*home, command, payload).accepted.events) == 1
        server.kill()
    with runtime(folder) as server:
        assert state(server, *home) == (4, {"items": {"milk": {"title": "Oats", "done": False}}})
        assert state(server, "todos", "full")[0] == 1000
        removed = server.thalo("execute", *home, "RemoveTodo", '{"id":"milk"}')
        assert removed.stdout == 'Executed with 1 event:\n    TodoRemoved  {"id":"milk"}\n'


def test_state_at_shows_the_state_of_a_version_or_time(folder):
    with runtime(folder) as server:
        server.execute("bankAccount", "a", "OpenAccount", '{"owner":"A","initial_cents":1}')
        for cents in (2, 3):
            server.execute("bankAccount", "a", "DepositFunds", '{"cents":%d}' % cents)
        times = [event.time_ms for event in server.events("bankAccount-a")]
        for version, balance in ((0, 0), (1, 1), (2, 3), (3, 6)):
            assert state(server, "bankAccount", "a", version=version)[1]["balance_cents"] == balance
        assert state(server, "bankAccount", "a", time_ms=times[-1])[0] == 3
        assert state(server, "bankAccount", "a", time_ms=times[0] - 1)[0] == 0


def test_an_entity_is_rebuilt_from_its_snapshot(folder):
    flags = ("--snapshot-events", "50", "--snapshot-interval-ms", "0")
    describe = entities_pb2.DescribeEntityRequest(category="bankAccount", id="a")
    with runtime(folder, *flags) as server:
        server.execute("bankAccount", "a", "OpenAccount", '{"owner":"A"}')
        snapshot = 0
        deposits = 0
        while snapshot < 100:
            server.execute("bankAccount", "a", "DepositFunds", '{"cents":1}', command_id=f"d{deposits}")
            deposits += 1
            snapshot = entities_pb2_grpc.EntitiesStub(server.channel).Describe(describe, timeout=10).snapshot_version
        assert server.stop() == 0
    with runtime(folder, *flags) as server:
        assert refused(server, "bankAccount", "a", "WithdrawFunds", '{"cents":100000}')["balance_cents"] == deposits
        again = server.execute("bankAccount", "a", "DepositFunds", '{"cents":1}', command_id="d7")
        assert again.accepted.repeated_command and again.accepted.events[0].position == 8
