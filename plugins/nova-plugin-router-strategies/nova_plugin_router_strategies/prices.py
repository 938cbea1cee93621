"""What a call would cost on a deployment, to compare them."""

from __future__ import annotations

from math import inf

from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation
from nova_core.types.usage import Usage

TYPICAL = 1000
"""Tokens of the prompt, and of the completion, that deployments are compared by."""


class PriceList:
    """Dollars of a call with 1,000 prompt and 1,000 completion tokens (none for embeddings); infinite when unknown.

    Worked out once for each deployment, and anew where its prices depend on the time.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, Operation], tuple[Deployment, float]] = {}

    def of(self, deployment: Deployment, operation: Operation) -> float:
        """The price of an operation on a deployment."""
        known = self._known.get((deployment.id, operation))
        if known is not None and known[0] is deployment:
            return known[1]
        prices = deployment.prices
        output = 0 if operation == "embedding" else TYPICAL
        cost = prices.cost(Usage(input=TYPICAL, output=output))
        price = inf if cost is None else float(cost)
        if not any(case.since or case.daily for case in prices.cases) and "*" not in deployment.group:
            self._known[deployment.id, operation] = deployment, price
        return price
