"""Languages in Riva's words: tags with a region, where callers say bare codes."""

# https://docs.nvidia.com/nim/speech/latest/reference/support-matrix/asr.html

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

USUAL: Final = "en-US"
"""The language where none is said, as the vendor's own clients have it: the field is required."""
ANY: Final = "multi"
"""Found out by the model, for those that can."""
REGIONS: Final[Mapping[str, str]] = {
    "ar": "ar-AR", "cs": "cs-CZ", "da": "da-DK", "de": "de-DE", "en": "en-US", "es": "es-US", "fr": "fr-FR",
    "he": "he-IL", "hi": "hi-IN", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL",
    "nn": "nn-NO", "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR", "ru": "ru-RU", "sv": "sv-SE", "th": "th-TH",
    "tr": "tr-TR", "vi": "vi-VN", "zh": "zh-CN",
}  # fmt: skip
"""The region that most of the vendor's models of a language are of."""
BARE: Final = re.compile("whisper", re.IGNORECASE)
"""Models whose languages have no region."""
FINDS_OUT: Final = re.compile("whisper|multilingual", re.IGNORECASE)
"""Models that find out the language."""
IN_A_VOICE: Final = re.compile(r"\.([A-Za-z]{2})-([A-Za-z]{2})(?:\.|$)")
"""The language in the name of a voice, such as `Magpie-Multilingual.DE-DE.Aria`."""


def spoken_in(language: str | None, model: str) -> str:
    """The language of a recording; where none is said, the model finds it out if it can."""
    if not language:
        return ANY if FINDS_OUT.search(model) else USUAL
    return language if BARE.search(model) else REGIONS.get(language.lower(), language)


def of_voice(voice: str) -> str:
    """The language that a voice's name tells, else English."""
    found = IN_A_VOICE.search(voice)
    return f"{found[1].lower()}-{found[2].upper()}" if found else USUAL
