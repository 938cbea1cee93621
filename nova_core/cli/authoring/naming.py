"""The names of a plugin's distribution, package and class, made of the one that its author gives."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from nova_core.cli.failures import UsageError

FORM = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST = 40
FAMILY = "nova-plugin-"


@dataclass(frozen=True, slots=True)
class PluginNames:
    """`name` is what configurations call it: the prefix in `prefix/model`, or the entry under `plugins`."""

    name: str

    @classmethod
    def of(cls, given: str) -> PluginNames:
        """The names for what was given, with or without `nova-plugin-` in front. Raises UsageError for no name."""
        name = given.removeprefix(FAMILY)
        if not FORM.fullmatch(name) or len(name) > LONGEST or keyword.iskeyword(name):
            raise UsageError(
                f"'{given}' cannot be the name of a plugin",
                hint=f"lower-case letters and digits, words joined with - or _, {LONGEST} characters at most",
            )
        return cls(name)

    @property
    def distribution(self) -> str:
        """What `pip install` is told; the folder's name, too."""
        return FAMILY + self.name.replace("_", "-")

    @property
    def package(self) -> str:
        """What is imported."""
        return self.distribution.replace("-", "_")

    @property
    def words(self) -> list[str]:
        """The words of the name."""
        return re.split(r"[-_]", self.name)

    def placeholders(self) -> dict[str, str]:
        """What templates call these names."""
        return {
            "name": self.name,
            "module": "_".join(self.words),
            "distribution": self.distribution,
            "package": self.package,
            "cls": "".join(word.capitalize() for word in self.words),
            "title": " ".join(word.capitalize() for word in self.words),
            "env": "_".join(self.words).upper(),
            "host": "".join(self.words),
        }
