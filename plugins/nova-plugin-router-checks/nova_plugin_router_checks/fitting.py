"""Whether a deployment fits what a request needs, and what to tell the caller when none does. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nova_core.errors import BadRequestError, ContextWindowExceededError, NovaError, UnsupportedParamsError
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.facts import ABILITY_OF
from nova_core.wire.drop_policy import DropPolicy
from nova_plugin_router_checks.needs import REGION, Needs

IN_REGION = {"eu": ("eu-", "europe-"), "us": ("us-",)}
"""How the names of a region's parts begin; of any other region they begin with its own name."""

ALWAYS_ALIKE = frozenset({"image", "audio"})
"""Kinds of content that a provider takes in each of their forms or in none; files may be text, which all take."""

BY_VALUE = frozenset({"tool_choice", "response_format", "reasoning_effort", "modalities", "service_tier", "verbosity"})
"""Parameters of which a provider may refuse one value and take another: it says so itself when it is asked."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a deployment is left out: `what` is at fault (`region`, `batch`, `content`, `parameter`, `window`).

    `name` is the content's kind or the parameter, `limit` what the deployment takes of items or tokens.
    """

    what: str
    why: str
    name: str = ""
    limit: int = 0


def misfit(needs: Needs, options: CallOptions, deployment: Deployment) -> Misfit | None:
    """The first thing that does not fit, the window not looked at; None when all fits as far as is known."""
    if needs.region is not None and not _lies_in(deployment, needs.region):
        where = deployment.settings.get("region_name") or "a region that is not known"
        return Misfit("region", f"it is in {where}, not in {needs.region}", needs.region)
    facts = deployment.facts
    if facts.max_batch is not None and needs.items > facts.max_batch:
        return Misfit("batch", f"it takes {facts.max_batch} items, not {needs.items}", limit=facts.max_batch)
    for kind in needs.kinds:
        if facts.takes(kind) is False:
            return Misfit("content", f"its model takes no {kind}", kind)
        if needs.of_chat and kind in ALWAYS_ALIKE and deployment.capabilities.refuses(ABILITY_OF[kind]):
            return Misfit("content", f"its provider takes no {kind}", kind)
    if name := _unsupported(needs, options, deployment):
        return Misfit("parameter", f"its model does not support {name}", name)
    name = _refused(needs, options, deployment)
    return Misfit("parameter", f"its provider refuses {name}", name) if name else None


def too_small(tokens: int, deployment: Deployment) -> Misfit | None:
    """The misfit of a window that is known and smaller than the prompt."""
    window = deployment.facts.max_input_tokens
    if window is None or tokens <= window:
        return None
    return Misfit("window", f"its context window is {window} tokens, and the prompt has more", limit=window)


def refusal(group: str, misfits: Sequence[Misfit], tokens: int | None, param: str) -> NovaError:
    """What the caller must change, when every deployment was left out; `param` holds the prompt."""
    windows = [each.limit for each in misfits if each.what == "window"]
    if windows:
        return ContextWindowExceededError(
            f"The prompt is too long for model '{group}': it has {_counted(tokens, max(windows))} tokens, and the "
            f"largest context window is {max(windows)}. Shorten it, or call a model with a larger window.",
            param=param,
        )
    first = min(misfits, key=lambda each: ("content", "parameter", "batch", "region").index(each.what))
    if first.what == "content":
        return UnsupportedParamsError(
            f"No deployment of model '{group}' takes {first.name} content: leave it out, or call one that takes it.",
            param=param,
        )
    if first.what == "parameter":
        return UnsupportedParamsError(
            f"No deployment of model '{group}' supports `{first.name}`: leave it out, or call a model that has it.",
            param=first.name,
            hint="correct `supported_openai_params` or `supports_…` in model_info if the model does support it",
        )
    if first.what == "batch":
        most = max(each.limit for each in misfits if each.what == "batch")
        return BadRequestError(
            f"Model '{group}' takes at most {most} items in one request: send several.", param="input"
        )
    return BadRequestError(
        f"No deployment of model '{group}' is in the region '{first.name}': call a model that is served there.",
        param=REGION,
        hint="give the deployments that are there a `region_name` in params",
    )


def _counted(tokens: int | None, largest: int) -> str:
    """Counting stops above the largest window, so that more than that is all there is to say of long prompts."""
    return f"about {tokens}" if tokens is not None and tokens < largest * 1.1 else f"far more than {largest}"


def _unsupported(needs: Needs, options: CallOptions, deployment: Deployment) -> str | None:
    facts = deployment.facts
    if facts.parameters is None and not needs.abilities:
        return None
    listed = needs.parameters if facts.parameters is None else facts.parameters
    lacked = [
        name
        for name in needs.parameters
        if name not in listed or facts.supports.get(needs.abilities.get(name, "")) is False
    ]
    return _kept(lacked, options, deployment)


def _refused(needs: Needs, options: CallOptions, deployment: Deployment) -> str | None:
    if not needs.of_chat:
        return None  # a parameter of that name may be another one elsewhere
    refused = [name for name in needs.parameters - BY_VALUE if deployment.capabilities.refuses(name)]
    return _kept(refused, options, deployment)


def _kept(names: Sequence[str], options: CallOptions, deployment: Deployment) -> str | None:
    """The first of these parameters that may not be dropped and is not sent whatever anybody says."""
    if not names:
        return None
    policy = DropPolicy.of(options, deployment)
    return None if policy.drop else min((name for name in names if name not in policy.allowed), default=None)


def _lies_in(deployment: Deployment, region: str) -> bool:
    where = deployment.settings.get("region_name")
    if not isinstance(where, str):
        return False
    name = where.lower()
    return name == region or name.startswith(IN_REGION.get(region, (f"{region}-",)))
