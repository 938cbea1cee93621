"""Tasks: their names here and in other embedding APIs, and who serves them. Pure functions."""

# Sources: Cohere Embed v2 and Voyage and NVIDIA NIM (`input_type`), sentence-transformers and Jina (`prompt_name`),
# Gemini embedContent (`taskType`) and Vertex AI text embeddings (`task_type`).

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.deployment import Deployment

QUERY, PASSAGE, MATCHING = "retrieval.query", "retrieval.passage", "text-matching"
CODE_QUERY, CODE_PASSAGE = "code.query", "code.passage"
NOVA_TASKS = ("retrieval", QUERY, PASSAGE, MATCHING, "code", CODE_QUERY, CODE_PASSAGE)
NOT_A_TASK = "default"
LONGEST_SHOWN = 80

FOREIGN_FIELDS = ("input_type", "prompt_name", "taskType", "task_type")
"""Members of other APIs that say the same as `task`, in the order in which they are asked."""

FOREIGN_NAMES: Mapping[str, str] = {
    "search-query": QUERY,
    "search-document": PASSAGE,
    "query": QUERY,
    "passage": PASSAGE,
    "document": PASSAGE,
    "retrieval-query": QUERY,
    "retrieval-document": PASSAGE,
    "retrieval-passage": PASSAGE,
    "question-answering": QUERY,
    "fact-verification": QUERY,
    "s2p-query": QUERY,
    "s2s-query": MATCHING,
    "sts": MATCHING,
    "similarity": MATCHING,
    "semantic-similarity": MATCHING,
    "text-matching": MATCHING,
    "classification": MATCHING,
    "clustering": MATCHING,
    "code-retrieval-query": CODE_QUERY,
    "code-retrieval-document": CODE_PASSAGE,
    "code-query": CODE_QUERY,
    "code-document": CODE_PASSAGE,
    "code-passage": CODE_PASSAGE,
}
"""Values of those members, in lower case with hyphens; what is not here says nothing about the task."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task that was asked for, and the member that asked: `task`, `input[2].task`, `taskType`."""

    name: str
    param: str


def foreign_task(value: Any) -> str | None:
    """The Nova task for another API's name; a Nova name is itself."""
    if not isinstance(value, str):
        return None
    return value if value in NOVA_TASKS else FOREIGN_NAMES.get(value.strip().lower().replace("_", "-"))


def serves(deployment: Deployment, task: str) -> bool:
    """Whether a deployment is tagged with a task."""
    return task != NOT_A_TASK and task in deployment.tags


def is_task_routed(deployments: Iterable[Deployment], known: Collection[str], asked: Iterable[str]) -> bool:
    """Whether a group is routed by task: one of its tags is a known task, or one that is asked for."""
    names = frozenset((*known, *asked)) - {NOT_A_TASK}
    return any(not names.isdisjoint(each.tags) for each in deployments)


def served_tasks(deployments: Iterable[Deployment], known: Collection[str]) -> tuple[str, ...]:
    """The known tasks among the tags, in config order."""
    return tuple(dict.fromkeys(tag for each in deployments for tag in each.tags if tag in known))


def refuse_unserved(task: Task, deployments: Sequence[Deployment], known: Collection[str], model: str) -> None:
    """Raises BadRequestError, listing what is served and the nearest spelling, unless a deployment serves the task."""
    if any(serves(each, task.name) for each in deployments):
        return
    served = served_tasks(deployments, known)
    near = difflib.get_close_matches(task.name.strip().lower().replace("_", "-"), served, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    shown = task.name if len(task.name) <= LONGEST_SHOWN else f"{task.name[:LONGEST_SHOWN]}…"
    raise BadRequestError(
        f"No deployment of model '{model}' serves the task '{shown}'. Tasks served: {', '.join(served)}.{hint}",
        param=task.param,
        code="unknown_task",
    )


def adapters_of(deployment: Deployment) -> frozenset[str]:
    """The names by which a caller may mean this deployment's adapter: stated, its model's, and those of its tasks."""
    declared = deployment.info.get("embedding_space")
    stated = declared.get("adapter") if isinstance(declared, Mapping) else None
    names = {stated, deployment.settings.get("adapter"), deployment.defaults.get("adapter"), deployment.model}
    tasks = {tag for tag in deployment.tags if tag != NOT_A_TASK}
    return frozenset(str(name) for name in names if name) | tasks | {tag.partition(".")[0] for tag in tasks}
