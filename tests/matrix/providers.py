"""The rows of the matrix: where each provider is asked, in which wire formats, and what it does differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.testing.upstream_replies import Shape
from tests.matrix import gigachat, oci, replicate, sap
from tests.matrix.anthropic_messages import MessagesWire
from tests.matrix.cohere import CohereWire
from tests.matrix.converse import ConverseWire, EndpointWire, InvokeWire, NovaWire
from tests.matrix.gemini import GeminiWire
from tests.matrix.gigachat import GigaChatWire
from tests.matrix.oci import GenericWire
from tests.matrix.ollama import OllamaWire
from tests.matrix.openai_chat import ChatWire
from tests.matrix.openai_responses import ResponsesWire
from tests.matrix.replicate import PredictionWire
from tests.matrix.said import Wire
from tests.matrix.sap import OrchestrationWire
from tests.matrix.watsonx import PROJECT, WatsonxWire


@dataclass(frozen=True, slots=True)
class Row:
    """One provider. `base` follows the upstream's address, `wires` are by the end of the path that is asked.

    `refused` names by scenario the parameter that is refused, whoever asks. `thinks` is the model for the column
    `reasoning`, where it is another one, and `effort` how the wire says a high effort. `replays` are the callers whose
    thoughts go back to the vendor as text where its format has no signatures. `counts_thoughts` says whether usage
    tells the tokens of thoughts apart.

    `lacks` are fields of `Asked` that the vendor has no word for, and what callers call them: that is refused, and the
    rest is then asked without. `shapes` are routes of its own, by their ends, `beside` what it answers on others than
    its `wires`. `one_call` says that an answer calls one tool at most, `signed` that requests are signed with a key;
    `begins` is the first answer where a stream only follows it.
    """

    model: str
    wires: Mapping[str, Wire]
    base: str = ""
    thinks: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    replays: frozenset[str] = frozenset()
    counts_thoughts: bool = True
    effort: str = "high"
    lacks: Mapping[str, str] = field(default_factory=dict)
    shapes: tuple[tuple[str, Shape], ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    one_call: bool = False
    signed: bool = False
    begins: Any = None


CHAT, RESPONSES, MESSAGES, GEMINI = ChatWire(), ResponsesWire(), MessagesWire(), GeminiWire()
VERTEX = MessagesWire("vertex-2023-10-16")
INVOKE = InvokeWire()
MISTRAL = ChatWire(("mistralai.client.models", "ChatCompletionRequest"), {"random_seed": "seed"})
UPSTREAM_KEY = "upstream-secret-9f8e7d6c"
PLACE = "/v1/projects/p/locations/us-central1"
GEMINI_WIRES: Mapping[str, Wire] = {":generateContent": GEMINI, ":streamGenerateContent": GEMINI}

CLAUDE, THINKING_CLAUDE = "claude-sonnet-4-5", "claude-opus-4-8"
ALL = frozenset({"openai_chat", "openai_responses", "anthropic_messages", "gemini"})
SAME = frozenset({"openai_chat"})
SCHEMAS = ("response_format", "text.format", "output_config.format", "generationConfig.responseJsonSchema")
"""What callers call the schema of an answer."""
STOPS = {"stop": "stop or stop_sequences or generationConfig.stopSequences"}
NO_SAMPLING = {"plain": "temperature", "stream": "temperature"}

ROWS: Mapping[str, Row] = {
    "openai": Row(
        "openai/gpt-4.1",
        {"/chat/completions": CHAT, "/responses": RESPONSES},
        "/v1",
        thinks="openai/gpt-5.1",
    ),
    "anthropic": Row(f"anthropic/{CLAUDE}", {"/v1/messages": MESSAGES}, thinks=f"anthropic/{THINKING_CLAUDE}"),
    "gemini": Row("gemini/gemini-3.5-flash", GEMINI_WIRES, "/v1beta"),
    "vertex_ai (Gemini)": Row("vertex_ai/gemini-3.5-flash", GEMINI_WIRES, PLACE),
    "vertex_ai (Claude)": Row(
        f"vertex_ai/{CLAUDE}",
        {":rawPredict": VERTEX, ":streamRawPredict": VERTEX},
        PLACE,
        thinks=f"vertex_ai/{THINKING_CLAUDE}",
    ),
    "bedrock (Converse)": Row(
        f"bedrock/converse/anthropic.{CLAUDE}-20250929-v1:0",
        {"/converse": ConverseWire(), "/converse-stream": ConverseWire()},
        thinks=f"bedrock/converse/anthropic.{THINKING_CLAUDE}",
        counts_thoughts=False,
    ),
    "bedrock (Claude)": Row(
        f"bedrock/invoke/anthropic.{CLAUDE}-20250929-v1:0",
        {"/invoke": INVOKE, "/invoke-with-response-stream": INVOKE},
        thinks=f"bedrock/invoke/anthropic.{THINKING_CLAUDE}",
    ),
    "bedrock (Nova)": Row(
        "bedrock/invoke/amazon.nova-pro-v1:0",
        {"/invoke": NovaWire(), "/invoke-with-response-stream": NovaWire()},
        thinks="bedrock/invoke/amazon.nova-2-lite-v1:0",
        refused={"structured": " or ".join(SCHEMAS)},
        replays=ALL,
        counts_thoughts=False,
    ),
    "azure": Row(
        "azure/gpt-4.1",
        {"/chat/completions": CHAT, "/responses": RESPONSES},
        thinks="azure/gpt-5.1",
    ),
    "azure_ai (Claude)": Row(
        f"azure_ai/{THINKING_CLAUDE}", {"/v1/messages": MESSAGES}, "/anthropic", refused=NO_SAMPLING
    ),
    "ollama": Row("ollama/gpt-oss:20b", {"/api/chat": OllamaWire()}, replays=ALL, counts_thoughts=False),
    "mistral": Row("mistral/mistral-medium-latest", {"/chat/completions": MISTRAL}, "/v1", replays=ALL),
    "cohere": Row(
        "cohere/command-a-03-2025",
        {"/v2/chat": CohereWire()},
        thinks="cohere/command-a-reasoning-08-2025",
        replays=ALL,
        effort="no limit",
        counts_thoughts=False,
    ),
    "databricks": Row(
        "databricks/databricks-meta-llama-3-3-70b-instruct",
        {"/serving-endpoints/chat/completions": CHAT, "/anthropic/v1/messages": MESSAGES},
        "/serving-endpoints",
        thinks=f"databricks/databricks-{THINKING_CLAUDE}",
    ),
    "huggingface": Row(
        "huggingface/meta-llama/Llama-3.3-70B-Instruct", {"/chat/completions": CHAT}, "/v1", replays=SAME
    ),
    "xai": Row(
        "xai/grok-3", {"/chat/completions": CHAT, "/responses": RESPONSES}, "/v1", thinks="xai/grok-3-mini",
        replays=SAME,
    ),
    "watsonx": Row(
        "watsonx/meta-llama/llama-3-3-70b-instruct",
        {"/text/chat": WatsonxWire(), "/text/chat_stream": WatsonxWire()},
        thinks="watsonx/openai/gpt-oss-120b",
        settings={"project_id": PROJECT, "token": UPSTREAM_KEY},
    ),
    "sagemaker_chat": Row(
        "sagemaker_chat/my-endpoint",
        {"/invocations": EndpointWire(), "/invocations-response-stream": EndpointWire()},
        replays=SAME,
    ),
    "snowflake": Row(
        "snowflake/llama3.3-70b",
        {"/chat/completions": CHAT, "/messages": MESSAGES},
        "/api/v2/cortex/v1",
        thinks=f"snowflake/{THINKING_CLAUDE}",
    ),
    "cloudflare": Row(
        "cloudflare/@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        {"/ai/v1/chat/completions": CHAT, "/ai/v1/responses": RESPONSES},
        "/client/v4/accounts/a/ai/v1",
        thinks="cloudflare/@cf/openai/gpt-oss-120b",
        replays=SAME,
    ),
    "gigachat": Row(
        "gigachat/GigaChat-2-Max",
        {"/chat/completions": GigaChatWire()},
        "/api/v1",
        lacks=STOPS,
        shapes=(("/chat/completions", gigachat.SHAPE), ("/files", gigachat.SHAPE)),
        beside={"/files": gigachat.stored},
        one_call=True,
        counts_thoughts=False,
    ),
    "oci": Row(
        "oci/meta.llama-4-maverick-17b-128e-instruct-fp8",
        {"/actions/chat": GenericWire()},
        thinks="oci/openai.gpt-oss-120b",
        settings=oci.settings(),
        shapes=(("/actions/chat", oci.SHAPE),),
        signed=True,
    ),
    "replicate": Row(
        "replicate/openai/gpt-4.1",
        {"/predictions": PredictionWire(), "/stream/p1": PredictionWire()},
        "/v1",
        lacks=STOPS,
        shapes=(("/predictions", replicate.MADE), ("/stream/p1", replicate.STREAMED)),
        begins={"id": "p1", "status": "starting", "urls": {"stream": "http://127.0.0.1:9/stream/p1"}},
        refused={
            "tools": "tools", "parallel tools": "tools", "reasoning": "tools", "structured": " or ".join(SCHEMAS),
        },
    ),
    "sap": Row(
        "sap/gpt-4o",
        {"/v2/completion": OrchestrationWire()},
        "/v2/inference/deployments/d123",
        thinks="sap/gpt-5",
        shapes=(("/v2/completion", sap.SHAPE),),
        replays=SAME,
    ),
}  # fmt: skip
