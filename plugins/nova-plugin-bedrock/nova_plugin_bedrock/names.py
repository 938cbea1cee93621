"""What a deployment's model name says: the route, the region, and the vendor's id of the model."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html and …/inference-profiles-support.html

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

AGENTS: Final = ("agent", "agentcore")
CHATS: Final = "chat_completions"
PLATFORM: Final = "claude_platform"
JOBS: Final = "async_invoke"
ROUTES: Final = ("converse", "invoke", CHATS, PLATFORM, JOBS, *AGENTS)
ELSEWHERE: Final = "mantle"
SIGNED: Final = (JOBS, *AGENTS)
"""Routes that take signatures alone, and no key of the model runtime."""
REGION: Final = re.compile(r"^([a-z]{2}(?:-[a-z]+)+-\d)/")
"""A region before a model's id."""
ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z-]+:([a-z0-9-]*):.*", re.DOTALL)
CLAUDE: Final = re.compile(r"(^|[./])claude|anthropic\.")
CLAUDE_3: Final = re.compile(r"claude-(3|v2|instant)|claude-(opus|sonnet)-4-(2025|1-)")
NOVA: Final = re.compile(r"amazon\.nova|(^|/)nova/")
NOVA_2: Final = re.compile(r"amazon\.nova-2")
STATES_EFFORT: Final = re.compile(r"openai\.|deepseek|gpt-oss/|deepseek_r1/")
TAKES_TOP_K: Final = re.compile(r"anthropic|claude|mistral|qwen")
NO_SCHEMAS: Final = re.compile(
    rf"{CLAUDE_3.pattern}|amazon\.(nova-(micro|lite|pro|premier)-v1|titan)|meta\.llama|ai21\."
)
"""Models that cannot be held to a schema."""
PEGASUS: Final = re.compile(r"twelvelabs\.pegasus")
COMMAND_R: Final = re.compile(r"cohere\.command-r")
IMPORTED: Final = ":imported-model/"
"""What stands in the ARN of a model that its owner brought."""
EMBEDS: Final = re.compile(r"embed")
BY_JOBS: Final = re.compile(r"marengo-embed|amazon\.nova.*embed")
"""Models that embed by jobs, too."""
RANKS: Final = re.compile(r"rerank")
AMAZON_DRAWS: Final = re.compile(r"titan-image|nova-canvas")
STABILITY_DRAWS: Final = re.compile(r"(^|[./])stability\.")


@dataclass(frozen=True, slots=True)
class ModelName:
    """`route` is one of `ROUTES` or None; `id` a model, an agent, an inference profile or an ARN, and `kind` what
    stands before that and says whose format the model has (`llama/`).
    """

    id: str
    route: str | None = None
    region: str | None = None
    kind: str = ""

    @property
    def said(self) -> str:
        """What tells the model's family."""
        return self.kind + self.id

    @property
    def invoked(self) -> bool:
        """Whether InvokeModel is asked: as the operator says, or as an imported model of a known kind needs."""
        return self.route == "invoke" or (self.route is None and bool(self.kind) and IMPORTED in self.id)


def read_name(model: str) -> ModelName:
    """The parts of a name such as `converse/us-east-1/anthropic.claude-…` or `llama/arn:aws:bedrock:…`."""
    route, _, rest = model.partition("/")
    if route in ROUTES and rest:
        model = rest
    elif route == ELSEWHERE and rest:
        raise ValueError(f"the route `{route}/` is not served; the provider is `bedrock_mantle`")
    known = route if route in ROUTES and rest else None
    region: str | None = None
    if (place := REGION.match(model)) is not None:
        region, model = place[1], model[place.end() :]
    if (found := ARN.search(model)) is not None:
        return ModelName(found[0], known, region or found[1] or None, model[: found.start()])
    if known in AGENTS:
        return ModelName(model, known, region)
    kind, slash, own = model.rpartition("/")
    return ModelName(own, known, region, kind + slash)
