"""Routes that say why: the decision record of a call, and what would be decided about one."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from nova_core.errors import NotFoundError
from nova_core.gateway.deciding import decide_now
from nova_core.gateway.why import decision_of
from nova_core.server.access import Caller, key_needed
from nova_core.server.explaining import asked_call, record_in
from nova_core.server.paths import PREFIXES
from nova_core.server.scope import headers_of
from nova_core.server.serving import Serving


def why_routes(serving: Serving) -> APIRouter:
    """`/v1/calls/{id}/why` and `/route/explain`."""
    router = APIRouter(tags=["decisions"])
    caller = Depends(key_needed(serving))

    async def why(call_id: str, who: Caller = caller) -> Response:
        """The decision record of one of the last calls: an administrator sees all, a key those that it made."""
        content = record_in(serving, call_id, who.principal)
        if content is None and serving.ask_others is not None:
            content = await serving.ask_others(call_id, who.principal)
        if content is None:
            raise NotFoundError(
                f"No call '{call_id}' is known here any more: the last {serving.decisions.most} of each process are.",
                code="call_not_found",
            )
        return Response(content, media_type="application/json")

    async def explain_route(request: Request, route: str | None = None, who: Caller = caller) -> Response:
        """What would be decided about the request in the body; nobody is called.

        `route` is the path that the request is for, where its members do not say.
        """
        headers = headers_of(request.scope)
        call = asked_call(serving.edge(), await request.body(), headers=headers, principal=who.principal, path=route)
        decision = decision_of(decide_now(serving.gateway, call), private=who.principal.admin)
        return Response(msgspec.json.encode(decision), media_type="application/json")

    for prefix in PREFIXES:
        shown = prefix == PREFIXES[0]
        path = f"{prefix}/calls/{{call_id}}/why"
        router.add_api_route(path, why, methods=["GET"], response_class=Response, include_in_schema=shown)
    router.add_api_route("/route/explain", explain_route, methods=["POST"], response_class=Response)
    return router
