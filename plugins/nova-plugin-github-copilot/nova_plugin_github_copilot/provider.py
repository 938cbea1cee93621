"""GitHub Copilot: OpenAI's API, asked with tokens that a GitHub login is exchanged for, as an editor asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from nova_core.errors import ConfigurationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.granted import Grant, Granted
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, RESPONSES, RESPONSES_PATHS, OpenAICompatible, mentions

TOKEN_URL = "https://api.github.com/copilot_internal/v2/token"
URL_SETTING = "github_copilot_token_url"
LOGINS = ("gho_", "ghu_", "ghp_", "github_pat_")
"""What tokens of GitHub begin with; anything else is a token of Copilot's already."""
EDITOR: tuple[tuple[str, str], ...] = (
    ("Editor-Version", "nova-core/0.1"),
    ("Editor-Plugin-Version", "nova-plugin-github-copilot/0.1"),
    ("Copilot-Integration-Id", "vscode-chat"),
)
"""Who asks: requests without are refused. `extra_headers` of a deployment come before."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user's login at GitHub."""

    token: Secret
    url: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The login's token."""
        return (self.token,)

    def request(self) -> UpstreamRequest:
        """What asks for a token that is good for about half an hour."""
        headers = (("Authorization", f"token {self.token.reveal()}"), ("Accept", "application/json"), *EDITOR)
        return UpstreamRequest(self.url, "GET", headers)


class GithubCopilot(Granted, OpenAICompatible):
    """`github_copilot/{model}`: chat, embeddings, and Responses for callers who speak it."""

    providers = ("github_copilot",)
    base_url = "https://api.githubcopilot.com"
    api_base_env = ("GITHUB_COPILOT_API_BASE",)
    api_key_env = ("GITHUB_COPILOT_TOKEN",)
    settings_keys = (*OpenAICompatible.settings_keys, URL_SETTING)
    dialects: Mapping[Operation, Dialect] = {name: OPENAI_DIALECTS[name] for name in ("chat", "embedding")}
    natives = RESPONSES
    native_paths = RESPONSES_PATHS
    token_member: ClassVar[str] = "token"

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and login; the login may be a file, such as a login by device left. Raises ConfigurationError."""
        has_key = deployment.api_key is not None or any(environ.get(name, "").strip() for name in self.api_key_env)
        folder = environ.get("GITHUB_COPILOT_TOKEN_DIR", "").strip()
        if not has_key and folder:
            path = Path(folder).expanduser() / environ.get("GITHUB_COPILOT_ACCESS_TOKEN_FILE", "access-token")
            deployment = replace(deployment, api_key=_kept_in(path))
        return super().complete(deployment, environ)

    def grant(self, deployment: Deployment) -> Grant | None:
        """The login; None where there is a token of Copilot's."""
        key = deployment.api_key
        if key is None or not key.reveal().startswith(LOGINS):
            return None
        return Login(key, str(deployment.settings.get(URL_SETTING) or TOKEN_URL))

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, and who asks."""
        return [*super().headers(deployment, call), *EDITOR]

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """Whether a user or an agent goes on, which is counted apart, and whether there are images."""
        asked = "input" if "input" in request.members else "messages"
        told = any(mentions(request, asked, word) for word in ('"assistant"', '"tool"', '"function_call_output"'))
        seen = any(mentions(request, asked, word) for word in ('"image_url"', '"input_image"'))
        return [("X-Initiator", "agent" if told else "user"), *([("Copilot-Vision-Request", "true")] if seen else [])]


def _kept_in(path: Path) -> Secret:
    try:
        return Secret(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the login of GitHub Copilot cannot be read: {error}") from error
