"""Anthropic's Text Completions API: what came before messages, and what some servers still speak."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation
from nova_core.wire.anthropic_messages.render import DEFAULT_MAX_TOKENS
from nova_core.wire.prompt_templates import check_template, template_for
from nova_plugin_anthropic.access import AnthropicApi
from nova_plugin_anthropic.text_completions import TEXT_COMPLETIONS, TWO_VOICES, TextCompletions


class AnthropicText(AnthropicApi):
    """`anthropic_text/…`: chats and completions over `/v1/complete`."""

    providers = ("anthropic_text",)
    dialects: Mapping[Operation, Dialect] = {"chat": TEXT_COMPLETIONS}
    paths: Mapping[Operation, str] = {"chat": "/v1/complete"}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, key, and a template that can be read. Raises ConfigurationError."""
        check_template(deployment)
        return super().complete(deployment, environ)

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """The dialect with the operator's template and the model's limit. Raises BadRequestError for others."""
        super().dialect_for(operation, deployment)
        template = template_for(deployment, TWO_VOICES) or TWO_VOICES
        return TextCompletions(template, deployment.facts.max_output_tokens or DEFAULT_MAX_TOKENS)
