"""Messages as bytes: what Riva's own types read of them, and what is read of theirs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from riva.client.proto import riva_asr_pb2 as asr

from nova_core.types.audio import TranscriptionReply
from nova_plugin_nvidia_riva.messages import ENDPOINTING, RECOGNITION_CONFIG, RECOGNIZE_RESPONSE
from nova_plugin_nvidia_riva.recognition import RIVA_RECOGNITION

NUMBERS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=40)
SEVERAL = st.lists(TEXTS, max_size=3)
FEW = settings(max_examples=30, deadline=None)
FLOATS = st.floats(width=32, allow_nan=False)


@FEW
@given(
    rate=NUMBERS,
    language=TEXTS,
    phrases=st.lists(TEXTS, max_size=3),
    boost=FLOATS,
    custom=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
def test_a_configuration_is_read_by_rivas_own_types(
    rate: int, language: str, phrases: list[str], boost: float, custom: dict[str, str]
):
    contexts = [{"phrases": phrases, "boost": boost}]
    said = RECOGNITION_CONFIG.encode(
        {
            "encoding": "FLAC",
            "sample_rate_hertz": rate,
            "language_code": language,
            "profanity_filter": True,
            "speech_contexts": contexts,
            "custom_configuration": custom,
        }
    )
    assert asr.RecognitionConfig.FromString(said) == asr.RecognitionConfig(
        encoding="FLAC",
        sample_rate_hertz=rate,
        language_code=language,
        profanity_filter=True,
        speech_contexts=contexts,
        custom_configuration=custom,
    )


WORDS = st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS, NUMBERS), max_size=3)


@FEW
@given(st.lists(st.tuples(TEXTS, WORDS, FLOATS), max_size=3))
def test_rivas_own_answers_are_read(results: list[Any]):
    message = asr.RecognizeResponse(id={"value": "passed over"})
    for text, words, seconds in results:
        said = [asr.WordInfo(word=a, start_time=b, end_time=c, speaker_tag=d, confidence=1) for a, b, c, d in words]
        best = asr.SpeechRecognitionAlternative(transcript=text, words=said, confidence=-0.5, language_code=["en"])
        message.results.add(alternatives=[best], channel_tag=1, audio_processed=seconds)
    read = RECOGNIZE_RESPONSE.decode(message.SerializeToString())
    assert [
        (
            each["alternatives"][0]["transcript"],
            [tuple(word[name] for name in ("word", "start_time", "end_time", "speaker_tag"))
             for word in each["alternatives"][0]["words"]],
            each["audio_processed"],
        )
        for each in read["results"]
    ] == [(text, words, pytest.approx(seconds)) for text, words, seconds in results]  # fmt: skip
    for speakers in (True, False):
        heard = RIVA_RECOGNITION.parse_reply(msgspec.json.decode(msgspec.json.encode({**read, "speakers": speakers})))
        assert isinstance(heard, TranscriptionReply)
        assert heard.text == " ".join(text.strip() for text, _, _ in results if text.strip())


@FEW
@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_refused_and_break_nothing(data: bytes):
    try:
        read = RECOGNIZE_RESPONSE.decode(data)
    except ValueError:
        return
    assert set(read) == {"results"}


def test_a_message_that_is_cut_off_is_none():
    whole = RECOGNITION_CONFIG.encode({"language_code": "en-US", "endpointing_config": {"start_threshold": 0.5}})
    for at in range(1, len(whole)):
        try:
            asr.RecognitionConfig.FromString(whole[:at])
        except DecodeError:
            with pytest.raises(ValueError, match="cut off"):
                RECOGNITION_CONFIG.decode(whole[:at])


def test_texts_of_forms_are_read_as_what_their_fields_are():
    said = RECOGNITION_CONFIG.encode(
        {
            "sample_rate_hertz": "8000",
            "verbatim_transcripts": "true",
            "encoding": "mulaw",
            "speech_contexts": '[{"phrases": ["Ada"], "boost": "20"}]',
            "custom_configuration": {"neural_vad.onset": 0.9},
            "endpointing_config": '{"stop_history": 0}',
        }
    )
    assert asr.RecognitionConfig.FromString(said) == asr.RecognitionConfig(
        sample_rate_hertz=8000,
        verbatim_transcripts=True,
        encoding="MULAW",
        speech_contexts=[{"phrases": ["Ada"], "boost": 20}],
        custom_configuration={"neural_vad.onset": "0.9"},
        endpointing_config={"stop_history": 0},
    )
    assert ENDPOINTING.decode(ENDPOINTING.encode({"stop_history": -5}))["stop_history"] == -5


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"made_up": 1}, "`made_up` is unknown"),
        ({"endpointing_config": {"made_up": 1}}, "`endpointing_config.made_up` is unknown"),
        ({"encoding": "MP3"}, "`encoding` must be one of .*OGGOPUS"),
        ({"sample_rate_hertz": 2**31}, "`sample_rate_hertz` must be a whole number"),
        ({"profanity_filter": "perhaps"}, "`profanity_filter` must be true or false"),
        ({"language_code": 7}, "`language_code` must be a text"),
        ({"speech_contexts": "Ada"}, "`speech_contexts` must be JSON"),
        ({"speech_contexts": {}}, "`speech_contexts` must be a list"),
        ({"speech_contexts": [7]}, "`speech_contexts` must be an object"),
        ({"custom_configuration": []}, "`custom_configuration` must be an object"),
        ({"endpointing_config": {"start_threshold": []}}, "`endpointing_config.start_threshold` must be a number"),
    ],
)
def test_what_a_field_does_not_take_is_named(members: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        RECOGNITION_CONFIG.encode(members)
