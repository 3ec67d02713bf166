"""YAML as people write it: read, or refused with a reason."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError


class NoYAMLError(ValueError):
    """A text is no YAML; says where and why in half a sentence, which the reader of a file completes."""


def parsed(text: str) -> Any:
    """What a text holds.

    Read by the parser that is written in Python: the one in C, with which DVC reads, ends the process at a text that is
    nested too deeply.

    Raises:
        NoYAMLError: it is none, or holds a value that is none of its own type, such as the date 2012-13-45.

    >>> parsed("[1, 1e-4, yes]")
    [1, 0.0001, 'yes']
    """
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        reason = error.problem or error.context
    except RecursionError:
        where, reason = "", "it is nested too deeply"
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        where, reason = "", str(error)
    raise NoYAMLError(f"{where}{' '.join(str(reason).split())}")


def of_graph(text: str) -> Any:
    """What a dvc.yaml holds: by the parser in C, ten times as fast, which has read it for DVC before anybody else.

    Raises:
        YAMLError: it is no YAML.
    """
    return YAML(typ="safe").load(text)
