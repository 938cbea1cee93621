"""A configuration that speaks of Redis names the plugin by that, and shows no password."""

from __future__ import annotations

import pytest

from nova_core.config.check import read_settings
from nova_core.config.loader import loads
from nova_core.config.redact import redacted
from nova_core.gateway.naming import named_plugins
from nova_core.plugins.discovery import discover

MODELS = "model_list: [{model_name: echo, litellm_params: {model: echo/any}}]\n"


def settings_of(router: str, **environ: str):
    return read_settings(loads(f"{MODELS}router_settings: {router}", "config.yaml", environ=environ))


@pytest.mark.parametrize(
    "router",
    [
        "{redis_host: r1, redis_port: '6380', redis_password: s3cret, redis_db: 1, redis_username: u, redis_ssl: true}",
        "{redis_url: 'rediss://u:s3cret@r1:6380/1'}",
        "{redis_host: os.environ/REDIS_HOST, redis_password: os.environ/REDIS_PASSWORD}",
    ],
)
def test_an_address_of_redis_names_the_plugin_and_every_key_is_known(router):
    settings = settings_of(router, REDIS_HOST="r1", REDIS_PASSWORD="s3cret")
    named = {each.name: each.why for each in named_plugins(settings, discover())}
    assert named["store-redis"] in ("router_settings.redis_host", "router_settings.redis_url")
    assert (settings.unknown, settings.unsupported) == ((), ())
    assert "s3cret" not in f"{settings.router!r} {redacted(settings.raw)!r}"


@pytest.mark.parametrize("router", ["{num_retries: 1}", "{redis_host: null}", "{redis_url: ''}", "{redis_port: 6379}"])
def test_without_an_address_nothing_is_named(router):
    assert "store-redis" not in {each.name for each in named_plugins(settings_of(router), discover())}
