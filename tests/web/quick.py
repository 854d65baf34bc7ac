"""Applications that are made for each test, and quickly: what is compiled for one is for all.

Most of what making one costs is compiling its rules' addresses, and of a page, its template: the
same code each time. They stay real; only what was compiled from the same is not compiled again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

#: By what they are compiled from.
_BUILDERS: Final[dict[Any, Callable[..., tuple[str, str]]]] = {}
_TEMPLATES: Final[dict[tuple[str, str], bytes]] = {}


class _Rule(Rule):
    """A rule; what gives its address is a function of its text alone, where it has no defaults."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return super()._compile_builder(append_unknown)
        made_of = (self.rule, tuple(self._trace), append_unknown)
        if made_of not in _BUILDERS:
            _BUILDERS[made_of] = super()._compile_builder(append_unknown)
        return _BUILDERS[made_of]


class _Templates(BytecodeCache):
    def load_bytecode(self, bucket: Bucket) -> None:
        kept = _TEMPLATES.get((bucket.key, bucket.checksum))
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        _TEMPLATES[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


def compile_once() -> None:
    """Have the applications of this run compile once what is the same in all of them."""
    Flask.url_rule_class = _Rule
    Flask.jinja_options = {"bytecode_cache": _Templates()}
