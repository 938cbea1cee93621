"""A provider and a hook in one distribution."""

from __future__ import annotations

from dataclasses import replace

from nova_core import OpenAICompatible, Request, hookimpl
from nova_core.types.chat import Message, Text


class Acme(OpenAICompatible):
    """`acme/…`: a vendor that speaks OpenAI's API."""

    providers = ("acme",)
    base_url = "https://api.acme.example/v1"
    api_key_env = ("ACME_API_KEY",)
    unsupported = frozenset({"logit_bias"})


class HouseStyle:
    """Puts one sentence before every chat."""

    @hookimpl
    def pre_call(self, request: Request) -> Request | None:
        """Only chat is touched; `None` leaves a request as it is."""
        if request.operation != "chat":
            return None
        first = Message("system", (Text("Answer in one sentence."),))
        return request.with_typed(replace(request.chat, messages=(first, *request.chat.messages)))


acme, house_style = Acme(), HouseStyle()
