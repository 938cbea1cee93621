"""The hooks: names that are patterns, candidates that tags choose, and the keys this plugin honours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nova_core.errors import AuthenticationError, BadRequestError, ConfigurationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Catalog, Snapshot
from nova_plugin_router_tags.tags import Rules, Wanted, choose, expression, inside_task, known_tags, regexes_of, wanted
from nova_plugin_router_tags.wildcards import Pattern, by_specificity, resolve

STEP = "router-tags"
CODE = "no_deployments_for_tags"


class RouterTags:
    """One per configuration. Wildcards work always, tags where the operator switched them on."""

    def __init__(self) -> None:
        self._enabled = False
        self._rules = Rules()
        self._answers_401 = False
        self._patterns: tuple[Catalog, tuple[Pattern, ...]] | None = None

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Read the settings. Raises ConfigurationError for a `tag_regex` that is no regular expression."""
        router = _section(gateway.settings, "router_settings")
        self._enabled = router.get("enable_tag_filtering") is True
        self._rules = Rules(
            match_any=router.get("tag_filtering_match_any") is not False,
            prefix=str(router.get("tag_routing_prefix") or ""),
        )
        self._answers_401 = _section(gateway.settings, "compat").get("tag_error_401") is True
        for deployment in gateway.catalog.by_id.values():
            _check_regexes(deployment)

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """Keys beside those that the core reads."""
        return (
            ConfigSection(("params",), ("tag_regex",)),
            ConfigSection(("model_info",), ("enable_tag_filtering", "allow_fail_open")),
        )

    @hookimpl
    def resolve_model(self, model: str, catalog: Catalog) -> Sequence[Deployment] | None:
        """Candidates of the most specific pattern that matches the whole name."""
        if self._patterns is None or self._patterns[0] is not catalog:
            self._patterns = (catalog, by_specificity(catalog.groups))
        return resolve(catalog.groups, self._patterns[1], model)

    @hookimpl
    def route_select(
        self, call: Call, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """Narrow by tags. Raises BadRequestError (AuthenticationError under compat) when nothing fits them."""
        group = snapshot.catalog.groups.get(candidates[0].group, candidates) if candidates else ()
        if not (self._enabled or any(each.info.get("enable_tag_filtering") is True for each in group)):
            return None
        tags = wanted(call.tags, self._rules.prefix)
        if call.selected_by_task is not None:
            return self._inside_task(call, tags, candidates)
        agent = call.headers.get("user-agent", "") if any(regexes_of(each) for each in candidates) else ""
        choice = choose(tags, candidates, group, self._rules, agent)
        if choice.chosen is None and _fails_open(group, tags):
            own = wanted(call.principal.tags, self._rules.prefix)
            choice = choose(own, candidates, group, self._rules)
        if choice.chosen is None:
            raise self._refusal(call, group, choice.why)
        if len(choice.chosen) < len(candidates):
            call.note(STEP, ", ".join(each.id for each in choice.chosen), choice.why)
        return choice.chosen

    def _inside_task(
        self, call: Call, tags: Wanted, candidates: tuple[Deployment, ...]
    ) -> tuple[Deployment, ...] | None:
        """What the key itself demands holds in any case; the caller's other tags only if they fit something."""
        own = wanted(call.principal.tags, self._rules.prefix)
        permitted = tuple(each for each in candidates if own.allows(each))
        if not permitted:
            raise self._refusal(call, candidates, "the tags of your key leave no deployment for this task")
        chosen = inside_task(tags, permitted, self._rules)
        if not chosen:
            call.note(STEP, f"ignored the tags {', '.join(call.tags)}", f"the task {call.selected_by_task} selected")
            return permitted
        if len(chosen) < len(candidates):
            call.note(STEP, ", ".join(each.id for each in chosen), "tags inside what the task selected")
        return chosen

    def _refusal(self, call: Call, group: Sequence[Deployment], why: str) -> NovaError:
        known = ", ".join(known_tags(group)) or "none"
        message = (
            f"No deployment of model '{call.model}' fits the tags {', '.join(call.tags)}: {why}. "
            f"Tags of this model: {known}."
        )
        if self._answers_401:
            return AuthenticationError(message, code=CODE, param="tags")
        return BadRequestError(message, code=CODE, param="tags")


def _fails_open(group: Sequence[Deployment], tags: Wanted) -> bool:
    """Whether constraints that leave nothing may be forgotten (`model_info.allow_fail_open`)."""
    constraints_alone = tags.constrains and not tags.positive
    return constraints_alone and any(each.info.get("allow_fail_open") is True for each in group)


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = settings.get(name)
    return value if isinstance(value, Mapping) else {}


def _check_regexes(deployment: Deployment) -> None:
    for source in regexes_of(deployment):
        try:
            expression(source)
        except re.error as error:
            where = f"{deployment.origin}: " if deployment.origin else ""
            raise ConfigurationError(
                f"{where}tag_regex {source!r} of '{deployment.group}' is no regular expression: {error}"
            ) from error
