"""Say in one line what is wrong with settings: where, what was found, what is known there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, Tag, ValidationError

from configs.stores import without_passwords

_Location = tuple[int | str, ...]
_Model = tuple[str | None, type[BaseModel]]  # its tag, where it is one of several kinds


def first_problem(error: ValidationError, root: type[BaseModel]) -> str:
    """Say the first problem in one line: `split.train: 1.5 is not ...`, and how many more."""
    problems = error.errors(include_url=False)
    # of a misspelt key two things are true: it is unknown, and the right one is missing
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    where, known = _place(first["loc"], root)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown key; known here: {', '.join(known)}"
    elif first["type"] == "missing":  # its input is the whole section
        message = "it must be set"
    elif first["type"] == "union_tag_not_found":
        message = f"{first['ctx']['discriminator']} must be set"
    elif not first["type"].startswith("value_error"):
        message = f"{message}, got {without_passwords(repr(first['input']))}"
        if first["type"] == "float_type" and _is_exponent(first["input"]):
            written = yaml.safe_dump(float(first["input"])).split()[0]
            message += f"; to YAML that is text: write {written}"
        if first["type"] == "string_type":
            message += _quotes_needed(first["input"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {message}{more}" if where else f"{message}{more}"


def _quotes_needed(value: object) -> str:
    """Say how a text must be written that YAML takes for something else: `no`, `12`, a date."""
    if isinstance(value, bool):
        return "; YAML reads yes, no, on and off as true or false: put the word in quotes"
    return "; put it in quotes" if isinstance(value, int | float | date) else ""


def _is_exponent(value: object) -> bool:
    """Tell whether a text is a number to Python, though not to YAML: `1e-3`."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _place(location: _Location, root: type[BaseModel]) -> tuple[str, list[str]]:
    """Return a location as it is written, and the keys of the section that holds its last part.

    Pydantic names the kind of a section among its parts (`sinks.0.index.url`): it is left out.
    """
    inside: list[_Model] = [(None, root)]
    holder, shown = inside, []
    for part in location:
        of_kind = [(tag, model) for tag, model in inside if part in (tag, _kind_of(model))]
        if of_kind and len(inside) > 1:
            inside = of_kind
            continue
        fields = [model.model_fields[part] for _, model in inside if part in model.model_fields]
        holder = inside
        shown.append(str(part))
        if fields:
            inside = [found for field in fields for found in _models(field.annotation)]
    return ".".join(shown), sorted({name for _, model in holder for name in model.model_fields})


def _models(annotation: Any, tag: str | None = None) -> Iterator[_Model]:
    """Yield the sections that may stand under a key, in lists and mappings too, and their tags."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield tag, annotation
        return
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        annotation, *notes = arguments
        tag = next((note.tag for note in notes if isinstance(note, Tag)), tag)
        arguments = (annotation,)
    for argument in arguments:
        yield from _models(argument, tag)


def _kind_of(model: type[BaseModel]) -> str | None:
    """Return what the field `kind` of a section says, where it can say but one thing."""
    field = model.model_fields.get("kind")
    return next(iter(get_args(field.annotation)), None) if field else None
