"""Relays that log in: with the passwords and certificates of the real servers, which are told to nobody."""

import asyncio
import shutil
import ssl
import subprocess

import nats
import pytest
import redis
from harness import runtime, thalo
from relay_targets import Nats, Redis
from test_relays import Writer, append, check_arrived, configured, relay, wait_for_relay

PASSWORD = "p@ss/w0rd-of-the-test"
QUOTED = "p%40ss%2Fw0rd-of-the-test"
WRONG = "not-the-right-one"


class LockedRedis(Redis):
    def command(self):
        return [*super().command(), "--requirepass", PASSWORD, "--user", "mover", "on", ">" + PASSWORD, "~*", "+@all"]

    def client(self):
        return redis.Redis(port=self.port, password=PASSWORD, decode_responses=True)

    def url_of(self, login):
        return f"redis://{login}@127.0.0.1:{self.port}"


class LockedNats(Nats):
    """With a user and, when it has one, a certificate."""

    certificate = None

    def command(self):
        tls = ["--tls", "--tlscert", str(self.certificate[0]), "--tlskey", str(self.certificate[1])] if self.certificate else []
        return [*super().command(), "--user", "mover", "--pass", PASSWORD, *tls]

    def call(self, work):
        return self.call_with(work, user="mover", password=PASSWORD)

    def call_with(self, work, **login):
        if self.certificate:
            login["tls"] = ssl.create_default_context(cafile=str(self.certificate[0]))

        async def connected():
            client = await nats.connect(f"{'tls' if self.certificate else 'nats'}://localhost:{self.port}", **login)
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())

    def url_of(self, login, scheme="nats"):
        return f"{scheme}://{login}@localhost:{self.port}"


@pytest.fixture(scope="module")
def locked_redis(tmp_path_factory):
    server = LockedRedis(tmp_path_factory.mktemp("locked-redis"))
    yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def locked_nats(tmp_path_factory):
    server = LockedNats(tmp_path_factory.mktemp("locked-nats"))
    yield server.start()
    server.kill()


def nothing_told(server, *secrets):
    """Neither the log nor what is listed has a secret, in either spelling."""
    listed = thalo("relays", "--url", f"http://{server.target}").stdout + thalo("relays", "--url", f"http://{server.target}", "--json").stdout
    assert "***@" in listed
    for secret in (PASSWORD, QUOTED, *secrets):
        assert secret not in server.text() + listed


@pytest.mark.parametrize("login", [":" + QUOTED, "mover:" + QUOTED], ids=["requirepass", "acl"])
def test_redis_with_a_password_and_with_a_user(locked_redis, folder, login):
    category = "pw" if login.startswith(":") else "acl"
    with runtime(folder, *configured(folder, relay(locked_redis, category, locked_redis.url_of(login)))) as server:
        count = Writer(server, category, 10).done()
        assert check_arrived(locked_redis, category, count) == 0
        nothing_told(server)


def test_a_wrong_password_of_redis_is_said_without_it(locked_redis, folder):
    with runtime(folder, *configured(folder, relay(locked_redis, "wrong", locked_redis.url_of("mover:" + WRONG)))) as server:
        append(server, "wrong-1", range(3))
        one = wait_for_relay(server, "to-redis", state="retrying", error=lambda text: "WRONGPASS" in text)
        assert one["lag_events"] == 3
        nothing_told(server, WRONG)
    assert locked_redis.count("wrong") == 0


def test_nats_with_a_user(locked_nats, folder):
    with runtime(folder, *configured(folder, relay(locked_nats, "user", locked_nats.url_of("mover:" + QUOTED)))) as server:
        count = Writer(server, "user", 10).done()
        assert check_arrived(locked_nats, "user", count) == 0
        nothing_told(server)


def test_a_wrong_password_of_nats_is_said_without_it(locked_nats, folder):
    with runtime(folder, *configured(folder, relay(locked_nats, "wrong", locked_nats.url_of("mover:" + WRONG)))) as server:
        append(server, "wrong-1", range(3))
        wait_for_relay(server, "to-nats", state="retrying", error=lambda text: "Authentication" in text)
        nothing_told(server, WRONG)


class TokenNats(LockedNats):
    def command(self):
        return [*Nats.command(self), "--auth", PASSWORD]

    def call(self, work):
        return self.call_with(work, token=PASSWORD)


def test_nats_with_a_token(folder):
    server = TokenNats(folder / "nats")
    try:
        server.start()
        with runtime(folder, *configured(folder, relay(server, "token", server.url_of(QUOTED)))) as started:
            count = Writer(started, "token", 10).done()
            assert check_arrived(server, "token", count) == 0
            nothing_told(started)
    finally:
        server.kill()


@pytest.fixture(scope="module")
def tls_nats(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls-nats")
    openssl = shutil.which("openssl") or pytest.fail("openssl is missing: run scripts/setup")
    files = (folder / "certificate.pem", folder / "key.pem")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        + ["-out", str(files[0]), "-keyout", str(files[1])],
        check=True, capture_output=True,
    )
    server = LockedNats(folder / "server")
    server.certificate = files
    yield server.start()
    server.kill()


def test_nats_over_tls_with_the_authority_of_the_system(tls_nats, folder):
    config = configured(folder, relay(tls_nats, "tls", tls_nats.url_of("mover:" + QUOTED, "tls")))
    with runtime(folder, *config, env={"SSL_CERT_FILE": str(tls_nats.certificate[0])}) as server:
        count = Writer(server, "tls", 10).done()
        assert check_arrived(tls_nats, "tls", count) == 0
        nothing_told(server)


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_nats, folder):
    with runtime(folder, *configured(folder, relay(tls_nats, "unknown", tls_nats.url_of("mover:" + QUOTED, "tls")))) as server:
        append(server, "unknown-1", range(3))
        wait_for_relay(server, "to-nats", state="retrying", error=lambda text: "ssl" in text.lower() or "tls" in text.lower())
        nothing_told(server)
    assert tls_nats.count("unknown") == 0


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        ("redis", "rediss://:hidden-one@localhost", "redis://"),
        ("kafka", "kafka://me:hidden-one@localhost", "user names"),
        ("nats", "nats+tls://me:hidden-one@localhost", "tls://"),
    ],
)
def test_what_is_not_supported_is_refused_at_start_by_name(folder, kind, url, said):
    table = f'[[relay]]\nname = "bad"\nkind = "{kind}"\nurl = "{url}"\n'
    with pytest.raises(RuntimeError) as refused:
        with runtime(folder, *configured(folder, table)):
            pass
    assert "relay 'bad': url:" in str(refused.value) and said in str(refused.value)
    assert "hidden-one" not in str(refused.value)
