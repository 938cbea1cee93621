"""Who speaks the words of each family of models behind InvokeModel."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nova_core.wire.provider import DialectProvider
from nova_core.wire.sigv4 import Keychain
from nova_plugin_bedrock.chats import CHAT_FAMILIES, InvokedChat
from nova_plugin_bedrock.command_r import CommandR
from nova_plugin_bedrock.invoked_nova import InvokedNova
from nova_plugin_bedrock.names import CLAUDE, COMMAND_R, NOVA, PEGASUS
from nova_plugin_bedrock.pegasus import Pegasus
from nova_plugin_bedrock.texts import TEXT_FAMILIES, InvokedText

Family = tuple[re.Pattern[str], DialectProvider]


def invoked_families(claude: DialectProvider, keychain: Keychain) -> Iterator[Family]:
    """Families by what names of models say; the first that fits is the model's."""
    yield CLAUDE, claude
    yield NOVA, InvokedNova(keychain)
    yield PEGASUS, Pegasus(keychain)
    yield COMMAND_R, CommandR(keychain)
    for names, text in TEXT_FAMILIES.items():
        yield re.compile(names), InvokedText(text, keychain)
    for names, chat in CHAT_FAMILIES.items():
        yield re.compile(names), InvokedChat(chat, keychain)
