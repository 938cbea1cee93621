"""Where Redis is, from the file and the environment, and what is never shown of it."""

from __future__ import annotations

import pytest

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret
from nova_plugin_store_redis import RedisStore
from nova_plugin_store_redis.link import client
from nova_plugin_store_redis.settings import RedisSettings, redis_settings

NAMED = {"plugins": ["store-redis"]}


def settings_of(router=None, *, own=None, environ=None, **raw) -> RedisSettings | None:
    return redis_settings({"router_settings": router, **raw}, own or {}, environ or {})


def test_the_file_says_where_it_is():
    router = {"redis_host": "r1", "redis_port": "6380", "redis_db": 2, "redis_password": "p", "redis_ssl": "True"}
    found = settings_of({**router, "redis_username": "u", "num_retries": 3})
    assert found == RedisSettings(
        "Redis at r1:6380/2", host="r1", port=6380, db=2, username="u", password=Secret("p"), ssl=True
    )


def test_what_the_file_leaves_out_is_taken_from_the_environment_except_another_address():
    environ = {"REDIS_URL": "redis://elsewhere", "REDIS_HOST": "elsewhere", "REDIS_PORT": "7", "REDIS_PASSWORD": "p"}
    found = settings_of({"redis_host": "r1", "redis_password": ""}, environ=environ)
    assert found == RedisSettings("Redis at r1:7/0", host="r1", port=7, password=Secret("p"))


@pytest.mark.parametrize(
    "environ", [{"REDIS_HOST": "r1"}, {"REDIS_URL": "rediss://:p%40ss@r1:6380/3", "REDIS_HOST": "x"}]
)
def test_a_plugin_named_in_the_file_needs_only_the_environment(environ):
    found = settings_of(environ=environ, **NAMED)
    assert found is not None
    assert found.place == ("Redis at r1:6380/3" if "REDIS_URL" in environ else "Redis at r1:6379/0")


@pytest.mark.parametrize("raw", [{}, {"plugins": "auto"}])
def test_the_environment_alone_switches_nothing_on(raw):
    assert settings_of(environ={"REDIS_URL": "redis://r1"}, **raw) is None


@pytest.mark.parametrize(
    ("router", "own", "said"),
    [
        ({"redis_port": 1}, {}, "does not know where Redis is"),
        ({"redis_host": "r", "redis_port": "high"}, {}, "redis_port must be a whole number"),
        ({"redis_host": "r", "redis_db": -1}, {}, "redis_db must be a whole number"),
        ({"redis_host": "r", "redis_ssl": "perhaps"}, {}, "redis_ssl must be true or false"),
        ({"redis_url": "http://:s3cret@r"}, {}, "must begin with redis://, rediss:// or unix://"),
        ({"redis_url": "redis://:s3cret/with#slash@r:port"}, {}, "is not an address"),
        ({"redis_host": "r"}, {"budget": 0}, "budget must be seconds above 0"),
        ({"redis_host": "r"}, {"budget": True}, "budget must be seconds above 0"),
        ({"redis_host": "r"}, {"namespace": "{a}"}, "namespace must be a text without braces"),
    ],
)
def test_what_cannot_be_used_is_named_and_no_secret_is(router, own, said):
    with pytest.raises(ConfigurationError, match=said) as raised:
        settings_of(router, own=own)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_secrets_do_not_show():
    found = settings_of({"redis_url": "redis://user:s3cret@r1:6380/3"})
    assert found is not None
    assert "s3cret" not in f"{found!r} {found.place}"
    assert found.password == Secret("s3cret")


def test_tls_checks_certificates():
    for settings in (
        RedisSettings("", host="r1", ssl=True, ssl_ca_certs="/ca.pem"),
        RedisSettings("", url=Secret("rediss://r1"), ssl_ca_certs="/ca.pem"),
    ):
        made = client(settings)
        options = made.connection_pool.connection_kwargs
        assert made.connection_pool.connection_class.__name__ == "SSLConnection"
        assert options["ssl_ca_certs"] == "/ca.pem"
        assert options.get("ssl_cert_reqs", "required") == "required"


async def test_a_plugin_without_a_redis_provides_nothing():
    class View:
        settings = {}  # noqa: RUF012

        def plugin_settings(self, name: str) -> dict[str, object]:
            return {}

    plugin = RedisStore(environ={})
    await plugin.startup(View())
    assert plugin.provide_store("shared_state", {}) is None
    await plugin.shutdown()
