"""Rules of the analysts: a versioned YAML file of overrides, applied after the model."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, model_validator

from configs.errors import UsageError
from configs.problems import first_problem
from configs.section import Pattern, Section


class Rule(Section):
    """Give `label` to what all of the conditions hold for; the highest `priority` decides.

    title_contains: this text stands in the title, whatever the case. title_matches: an RE2
    pattern. column_is: columns of the dump that the model reads (`features.columns`) and their
    value, for example {brand: Acme}. `until` is the last day on which the rule holds.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    label: str = Field(min_length=1)
    title_contains: str | None = Field(default=None, min_length=1)
    title_matches: Pattern | None = None
    column_is: dict[str, str] = Field(default_factory=dict)
    priority: int = 0
    until: datetime.date | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not (self.title_contains or self.title_matches or self.column_is):
            raise ValueError(
                f"rule {self.name!r} has no condition: set title_contains, title_matches or "
                "column_is"
            )
        return self


class RuleBook(Section):
    """All rules; `version` is the analysts' own, and stands with each label that a rule gave."""

    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    rules: list[Rule] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules are called {twice[0]!r}; rename one")
        return self

    def in_force(self, today: datetime.date) -> list[Rule]:
        """Return the rules that have not ended, the highest priority first, then file order."""
        held = [rule for rule in self.rules if rule.until is None or rule.until >= today]
        return sorted(held, key=lambda rule: -rule.priority)


def load_rules(path: str | Path) -> RuleBook:
    """Read the file; raise `UsageError`, one line, for what is wrong in it."""
    try:
        from pipelines import storage  # here, as in `configs.loading`

        document = yaml.safe_load(storage.read_bytes(str(path)).decode("utf-8"))
        return RuleBook.model_validate(document)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"rules {path}: cannot be read ({reason}); set dump.rules to a YAML file"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"rules {path}: not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problem = first_problem(error, RuleBook)
        raise UsageError(f"rules {path}: {problem}; mend it there") from error
