"""What a provider takes is what its codec says to samples, of which there is one for everything to be asked for."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from nova_core.hookspecs import hookimpl
from nova_core.testing.provider import ScriptedProvider
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.chat import ChatRequest
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.secret import Secret
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.provider import Provider
from nova_core.wire.samples import PARAMETERS, SAMPLES
from nova_core.wire.unsaid import note_beside, note_unsaid

DEPLOYMENT = Deployment("d", "g", "scripted", "m", api_base="https://host/v1", api_key=Secret("sk-of-the-operator"))
NOT_ASKED_FOR = {"model", "messages", "stream", "include_usage", "cache", "extra"}
"""Fields that are no parameter, or that ask for nothing but how the answer comes."""


class Picky(ScriptedProvider):
    unsupported = frozenset({"seed", "tools"})
    hints = frozenset({"store"})

    def __init__(self) -> None:
        self.keys: list[str] = []

    @hookimpl
    def provider_call(self, call, request, deployment):
        self.keys.append(deployment.api_key.reveal())
        return super().provider_call(call, request, deployment)


def typed(name: str) -> ChatRequest:
    return SAMPLES[name].request("m").chat


def test_there_is_a_sample_of_every_field_of_the_typed_model():
    plain = ChatRequest("m", ())
    asked = {
        field.name
        for name in PARAMETERS
        for field in fields(ChatRequest)
        if getattr(typed(name), field.name) != getattr(plain, field.name)
    }
    assert {field.name for field in fields(ChatRequest)} - NOT_ASKED_FOR - asked == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_a_request_that_can_be_read_and_said_again(name):
    request = SAMPLES[name].request("m")
    assert request.encode() != SAMPLES[name].request("m", without=True).encode()
    members, fidelity = OPENAI_CHAT.render_request(request.chat)
    assert members["messages"]
    assert fidelity.lost == ()


def test_what_is_refused_left_out_and_sent_is_told_apart():
    known = capabilities_of(Picky(), DEPLOYMENT)
    assert [known.takes(name) for name in ("seed", "store", "temperature", "vision")] == [False, False, True, True]
    assert known.refuses("seed")
    assert not known.refuses("store")
    assert known.fate("store") is Fate.HINT
    assert known.refuses("function_calling")
    assert known.refuses("tool_choice"), "what needs tools is refused where these are"
    assert known.fate("nothing of the kind") is None


def test_the_operators_rules_and_key_have_no_part_in_it_and_nothing_is_asked_twice():
    provider = Picky()
    known = capabilities_of(provider, replace(DEPLOYMENT, drop_params=True, allowed_params=("seed",)))
    assert provider.keys == []
    assert known.refuses("seed")
    assert known.refuses("seed")
    assert len(provider.keys) == 1
    assert "sk-of-the-operator" not in provider.keys


def test_a_provider_that_does_more_than_to_translate_is_not_asked_and_may_say_itself():
    class InProcess(Provider):
        @hookimpl
        async def provider_call(self, call: Call) -> None:
            raise AssertionError("asked")

    class Telling(InProcess):
        def capabilities(self, deployment: Deployment) -> Capabilities:
            return Capabilities({"vision": Fate.LOST}.get)

    assert capabilities_of(InProcess(), DEPLOYMENT).fate("vision") is None
    assert capabilities_of(Telling(), DEPLOYMENT).refuses("vision")
    assert capabilities_of(None, DEPLOYMENT).fate("vision") is None
    assert capabilities_of(Picky(), replace(DEPLOYMENT, model="*")).fate("seed") is None


def test_a_provider_that_breaks_over_a_sample_leaves_it_unknown_and_a_word_in_the_log(caplog):
    class Broken(ScriptedProvider):
        def review(self, request):
            return request.get("seed") + "no text"

    known = capabilities_of(Broken(), DEPLOYMENT)
    assert known.fate("seed") is None
    assert "broke over a request with seed" in caplog.text


@pytest.mark.parametrize("name", [*PARAMETERS, "prompt_caching"])
def test_what_a_wire_format_does_not_say_is_noted_by_name(name):
    notes, asked, sample = Notes(own=False, dialect="another"), typed(name), SAMPLES[name]
    note_unsaid(asked, {"max_tokens"}, notes)
    for place, message in enumerate(asked.messages):
        note_beside(message, f"messages[{place}]", notes)
        for number, part in enumerate(message.parts):
            note_beside(part, f"messages[{place}].content[{number}]", notes)
    noted = {note.field for note in notes.fidelity().notes}
    assert sample.where in noted or name in ("max_tokens", "max_completion_tokens")
