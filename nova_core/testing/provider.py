"""An OpenAI-wire provider without a vendor, so that tests of the core need no plugin: `scripted/MODEL`."""

from __future__ import annotations

from nova_core.wire.openai_compatible import OpenAICompatible

NAME = "scripted"


class ScriptedProvider(OpenAICompatible):
    """Chat, completions and embeddings at the deployment's `api_base`; no key needed."""

    providers = (NAME,)
    key_required = False


plugin = ScriptedProvider()
