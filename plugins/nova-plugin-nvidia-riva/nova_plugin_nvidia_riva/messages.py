"""Riva's messages and methods, as its published `.proto` files have them."""

# https://github.com/nvidia-riva/common: riva_asr.proto, riva_audio.proto, riva_tts.proto

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nova_plugin_nvidia_riva.protobuf import Field, Message

RECOGNIZE: Final = "/nvidia.riva.asr.RivaSpeechRecognition/Recognize"
STREAMING_RECOGNIZE: Final = "/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize"
SYNTHESIZE: Final = "/nvidia.riva.tts.RivaSpeechSynthesis/Synthesize"
SYNTHESIZE_ONLINE: Final = "/nvidia.riva.tts.RivaSpeechSynthesis/SynthesizeOnline"


class AudioEncoding(IntEnum):
    """How samples are encoded; unspecified where a file's own header says it."""

    ENCODING_UNSPECIFIED = 0
    LINEAR_PCM = 1
    FLAC = 2
    MULAW = 3
    OGGOPUS = 4
    ALAW = 20


SPEECH_CONTEXT: Final = Message(phrases=Field(1, str, repeated=True), boost=Field(4, float))
DIARIZATION: Final = Message(enable_speaker_diarization=Field(1, bool), max_speaker_count=Field(2, int))
ENDPOINTING: Final = Message(
    start_history=Field(1, int),
    start_threshold=Field(2, float),
    stop_history=Field(3, int),
    stop_threshold=Field(4, float),
    stop_history_eou=Field(5, int),
    stop_threshold_eou=Field(6, float),
)
RECOGNITION_CONFIG: Final = Message(
    encoding=Field(1, AudioEncoding),
    sample_rate_hertz=Field(2, int),
    language_code=Field(3, str),
    profanity_filter=Field(5, bool),
    speech_contexts=Field(6, SPEECH_CONTEXT, repeated=True),
    audio_channel_count=Field(7, int),
    enable_word_time_offsets=Field(8, bool),
    enable_automatic_punctuation=Field(11, bool),
    model=Field(13, str),
    verbatim_transcripts=Field(14, bool),
    diarization_config=Field(19, DIARIZATION),
    custom_configuration=Field(24, dict),
    endpointing_config=Field(25, ENDPOINTING),
)
RECOGNIZE_REQUEST: Final = Message(config=Field(1, bytes), audio=Field(2, bytes))
STREAMING_CONFIG: Final = Message(config=Field(1, bytes))
STREAMING_REQUEST: Final = Message(streaming_config=Field(1, bytes), audio_content=Field(2, bytes))
WORD: Final = Message(start_time=Field(1, int), end_time=Field(2, int), word=Field(3, str), speaker_tag=Field(5, int))
ALTERNATIVE: Final = Message(
    transcript=Field(1, str), words=Field(3, WORD, repeated=True), language_code=Field(4, str, repeated=True)
)
RESULT: Final = Message(alternatives=Field(1, ALTERNATIVE, repeated=True), audio_processed=Field(3, float))
RECOGNIZE_RESPONSE: Final = Message(results=Field(1, RESULT, repeated=True))
STREAMING_RESULT: Final = Message(
    alternatives=Field(1, ALTERNATIVE, repeated=True), is_final=Field(2, bool), audio_processed=Field(6, float)
)
STREAMING_RESPONSE: Final = Message(results=Field(1, STREAMING_RESULT, repeated=True))
SYNTHESIZE_REQUEST: Final = Message(
    text=Field(1, str),
    language_code=Field(2, str),
    encoding=Field(3, AudioEncoding),
    sample_rate_hz=Field(4, int),
    voice_name=Field(5, str),
    custom_dictionary=Field(7, str),
)
SYNTHESIZE_RESPONSE: Final = Message(audio=Field(1, bytes))
