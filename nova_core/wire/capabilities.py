"""Finds out what a sans-I/O provider takes by asking its codec; nothing is sent."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from nova_core.errors import NovaError, UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.capabilities import UNKNOWN, Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.operation_samples import OPERATION_SAMPLES
from nova_core.wire.samples import SAMPLES

logger = logging.getLogger("nova.wire")

NOBODY: Final = "capabilities"
STRICT: Final = CallOptions(drop_params=False)


def capabilities_of(provider: Any, deployment: Deployment) -> Capabilities:
    """What `provider` takes for the model of a completed `deployment`.

    Its own word where it has one (`capabilities(deployment)`), else what its `provider_call` says to samples. One that
    does more than to translate (a coroutine) is not asked: unknown.
    """
    declared: Callable[[Deployment], Capabilities] | None = getattr(provider, "capabilities", None)
    if declared is not None:
        return declared(deployment)
    return told_by_samples(getattr(provider, "provider_call", None), deployment)


def told_by_samples(call: Callable[..., Any] | None, deployment: Deployment) -> Capabilities:
    """What a plain `provider_call` says to samples; of anything else, nothing is known."""
    if call is None or inspect.iscoroutinefunction(call) or "*" in deployment.model:
        return UNKNOWN
    return Capabilities(partial(_fate, call, deployment))


def _fate(provider_call: Callable[..., Any], deployment: Deployment, name: str) -> Fate | None:
    sample = SAMPLES.get(name) or OPERATION_SAMPLES.get(name)
    if sample is None:
        return None
    asked = of_nobody(deployment)
    request = sample.request(deployment.model)
    call = Call(request, options=STRICT)
    try:
        answer = provider_call(call=call, request=request, deployment=asked)
    except UnsupportedParamsError:
        return Fate.LOST  # of a question in text, nothing is
    except NovaError:
        return None  # another matter: the sample's value, or the deployment
    except Exception:
        logger.exception("provider '%s' broke over a request with %s; nothing is known of it", asked.provider, name)
        return None
    if not isinstance(answer, Exchange):
        return None
    return Fate.HINT if sample.where in answer.fidelity.dropped else Fate.MAPPED


def of_nobody(deployment: Deployment) -> Deployment:
    """The deployment with a key of nobody: with one, no provider looks for credentials before it translates."""
    key, nothing = Secret(NOBODY), ()
    return replace(deployment, id=NOBODY, api_key=key, allowed_params=nothing, additional_drop_params=nothing)
