"""The files of a new plugin, from the templates beside this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from string import Template

from nova_core._version import __version__
from nova_core.cli.authoring.naming import PluginNames
from nova_core.cli.failures import UsageError


class Kind(StrEnum):
    """What a plugin does."""

    PROVIDER = "provider"
    ROUTER = "router"
    GUARDRAIL = "guardrail"


class Beside(StrEnum):
    """Operations beside chat that a new provider may begin with, in OpenAI's formats (rerank: in Jina's)."""

    RERANK = "rerank"
    MODERATION = "moderation"
    IMAGE_GENERATION = "image_generation"
    IMAGE_EDIT = "image_edit"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"


class Wire(StrEnum):
    """What the vendor of a provider speaks."""

    OPENAI_CHAT = "openai_chat"
    OWN = "own"

    @classmethod
    def of(cls, given: str) -> Wire:
        """The one whose name begins so. Raises UsageError when that is none, or not one alone."""
        found = [each for each in cls if given and each.startswith(given)]
        if len(found) != 1:
            raise UsageError(f"'{given}' is no wire format to begin with", hint=f"--wire {' or --wire '.join(cls)}")
        return found[0]


PROVIDER_MODULES: Mapping[Wire, tuple[str, ...]] = {
    Wire.OPENAI_CHAT: ("provider.py",),
    Wire.OWN: ("provider.py", "dialect.py", "request.py", "reply.py"),
}
USAGE: Mapping[Kind, str] = {
    Kind.PROVIDER: """\
Then `${name}/MODEL` is a model in a configuration:

    model_list:
      - model_name: chat
        params: {model: ${name}/MODEL, api_key: os.environ/${env}_API_KEY}""",
    Kind.ROUTER: """\
Then a configuration can name it:

    plugins: {${name}: {tag: resting}}""",
    Kind.GUARDRAIL: """\
Then a configuration can name it:

    plugins: {${name}: {words: [secret]}}""",
}


def plugin_files(names: PluginNames, kind: Kind, wire: Wire, beside: Sequence[Beside] = ()) -> dict[str, str]:
    """Every file of the distribution: its path in the folder, and its text."""
    said = {**names.placeholders(), **_range(), "kind": kind}
    said["group"] = "nova.providers" if kind is Kind.PROVIDER else "nova.plugins"
    said["usage"] = Template(USAGE[kind]).substitute(said)
    package, folder = names.package, wire if kind is Kind.PROVIDER else kind
    sources = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"tests/test_{said['module']}.py": f"{folder}/tests.py",
        f"{package}/__init__.py": f"{kind}/__init__.py",
    }
    modules = PROVIDER_MODULES[wire] if kind is Kind.PROVIDER else ("plugin.py",)
    sources |= {f"{package}/{module}": f"{folder}/{module}" for module in modules}
    if beside:
        said["operations"] = "\n".join(f'    "{each}",' for each in beside)
        sources[f"{package}/provider.py"] = f"{wire}/provider_of_more.py"
        sources |= {f"tests/test_{said['module']}_{each}.py": f"operations/{each}.py" for each in beside}
    written = {path: Template(_template(source)).substitute(said) for path, source in sources.items()}
    return {**written, f"{package}/py.typed": ""}


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")


def _range() -> dict[str, str]:
    """The releases of the core with this one's contract: before 1.0 those of one minor version."""
    major, minor = map(int, __version__.split(".")[:2])
    below = f"{major + 1}" if major else f"0.{minor + 1}"
    return {"least": f"{major}.{minor}", "below": below}
