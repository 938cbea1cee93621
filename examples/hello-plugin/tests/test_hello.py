"""The installed plugin on a real gateway, in front of an upstream that is played by script."""

from __future__ import annotations

import pytest

from nova_core import UnsupportedParamsError
from nova_core.testing import UpstreamConformance
from nova_plugin_hello import acme

CONFIG = """
model_list:
  - model_name: chat
    params: {model: acme/small, api_base: "{upstream}/v1", api_key: sk-acme}
plugins: [house-style]
"""


async def test_a_chat_reaches_the_vendor_in_the_house_style(gateway, upstream):
    upstream.script("small", "Good day.")
    nova = await gateway(CONFIG)

    assert (await nova.chat("chat", "Greet me.")).text == "Good day."

    assert upstream.last.header("authorization") == "Bearer sk-acme"
    assert upstream.last.json["messages"] == [
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": "Greet me."},
    ]


async def test_what_the_vendor_cannot_take_is_refused_by_name(gateway):
    nova = await gateway(CONFIG)
    with pytest.raises(UnsupportedParamsError, match="logit_bias"):
        await nova.chat("chat", "Hi", logit_bias={"50256": -100})


class TestAcme(UpstreamConformance):
    plugin = acme
    provider = "acme"
    key_env = "ACME_API_KEY"
    unsupported = ("logit_bias", {"1": 1})
