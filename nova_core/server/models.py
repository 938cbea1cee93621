"""Routes about models: the lists of OpenAI, Anthropic and Gemini, and what deployments and groups are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Depends, Request

from nova_core.errors import ModelNotFoundError, PermissionDeniedError
from nova_core.server.access import Caller, key_needed
from nova_core.server.listing import deployment_facts, group_facts, visible_models
from nova_core.server.paths import PREFIXES
from nova_core.server.scope import route_path
from nova_core.server.serving import Serving
from nova_core.server.spoken import GOOGLES_PATH, dialect_of
from nova_core.types.routing import ModelCard
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.gemini import GEMINI_GENERATE

CREATED = 1677610602
CREATED_AT = "2023-02-28T18:56:42Z"
SHOWN = ("/v1", "/v1beta")
"""Prefixes that stand in the documentation."""


def model_routes(serving: Serving) -> APIRouter:
    """`/v1/models`, `/model/info` and `/model_group/info`."""
    router = APIRouter(tags=["models"])
    caller = Depends(key_needed(serving))

    async def list_models(request: Request, who: Caller = caller) -> dict[str, Any]:
        """The models this key may call; in Anthropic's or Google's shape for clients that show whose they are."""
        cards = visible_models(who.runtime, who.principal)
        dialect = dialect_of(route_path(request.scope), request.headers)
        if dialect is ANTHROPIC_MESSAGES:
            return _anthropic_list(cards)
        if dialect is GEMINI_GENERATE:
            return {"models": [_google_card(card) for card in cards]}
        return {"object": "list", "data": [_openai_card(card) for card in cards]}

    async def get_model(model_id: str, request: Request, who: Caller = caller) -> dict[str, Any]:
        """One model in that shape; 404 when there is none of this name for this key."""
        dialect = dialect_of(route_path(request.scope), request.headers)
        for card in visible_models(who.runtime, who.principal):
            if card.id == model_id:
                return CARDS.get(dialect.name if dialect else "", _openai_card)(card)
        raise ModelNotFoundError(f"The model '{model_id}' does not exist here.", param="model")

    for prefix in (*PREFIXES, GOOGLES_PATH.rstrip("/")):
        shown = prefix in SHOWN
        router.add_api_route(f"{prefix}/models", list_models, include_in_schema=shown)
        router.add_api_route(f"{prefix}/models/{{model_id:path}}", get_model, include_in_schema=shown)
    _add_info_routes(router, caller)
    return router


def _add_info_routes(router: APIRouter, caller: Any) -> None:
    async def model_info(litellm_model_id: str | None = None, who: Caller = caller) -> dict[str, Any]:
        """Every deployment this key may use, without secrets; `litellm_model_id` picks one."""
        catalog = who.runtime.catalog
        found = [
            deployment_facts(deployment, catalog.unserved.get(deployment.id))
            for deployment in catalog.by_id.values()
            if who.principal.may_call(deployment.group) and litellm_model_id in (None, deployment.id)
        ]
        if litellm_model_id is not None and not found:
            raise ModelNotFoundError(f"There is no deployment '{litellm_model_id}' here.", param="litellm_model_id")
        return {"data": found}

    async def model_group_info(model_group: str | None = None, who: Caller = caller) -> dict[str, Any]:
        """Every public name this key may use, with what its deployments have in common."""
        if model_group is not None and not who.principal.may_call(model_group):
            raise PermissionDeniedError(f"This key may not call the model '{model_group}'.", param="model_group")
        return {
            "data": [
                group_facts(who.runtime, name, members)
                for name, members in who.runtime.catalog.groups.items()
                if who.principal.may_call(name) and model_group in (None, name)
            ]
        }

    router.add_api_route("/model/info", model_info)
    router.add_api_route("/v1/model/info", model_info, include_in_schema=False)
    router.add_api_route("/model_group/info", model_group_info)


def _openai_card(card: ModelCard) -> dict[str, Any]:
    known = {"id": card.id, "object": "model", "created": CREATED, "owned_by": card.owned_by}
    return {**known, **({"mode": card.mode} if card.mode else {}), **card.info}


def _anthropic_card(card: ModelCard) -> dict[str, Any]:
    known = {"type": "model", "id": card.id, "display_name": card.id, "created_at": CREATED_AT}
    return known | _sizes(card, "max_input_tokens", "max_tokens")


def _google_card(card: ModelCard) -> dict[str, Any]:
    methods = ["embedContent"] if card.mode == "embedding" else ["generateContent", "countTokens"]
    known = {"name": f"models/{card.id}", "displayName": card.id, "supportedGenerationMethods": methods}
    return known | _sizes(card, "inputTokenLimit", "outputTokenLimit")


def _sizes(card: ModelCard, input: str, output: str) -> dict[str, Any]:
    """How many tokens go in and come out, where that is known, under these names."""
    sizes = {input: card.info.get("max_input_tokens"), output: card.info.get("max_output_tokens")}
    return {name: size for name, size in sizes.items() if size is not None}


CARDS: Final[Mapping[str, Callable[[ModelCard], dict[str, Any]]]] = {
    ANTHROPIC_MESSAGES.name: _anthropic_card,
    GEMINI_GENERATE.name: _google_card,
}
"""One model as it is said by dialect; in OpenAI's shape to all others."""


def _anthropic_list(cards: list[ModelCard]) -> dict[str, Any]:
    data = [_anthropic_card(card) for card in cards]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}
