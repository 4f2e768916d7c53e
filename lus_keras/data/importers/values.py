"""Users' words for labels and the manifest values they denote."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lus_keras.core.errors import ConfigError
from lus_keras.core.labels import REGISTRY, OneOf
from lus_keras.data.manifest import COLUMNS, PARSERS

_YES = frozenset(("yes", "y", "true", "1", "present", "positive", "pos"))
_NO = frozenset(("no", "n", "false", "0", "absent", "negative", "neg"))
_NOT = ("non", "no", "not", "without")


def plain(text: str) -> str:
    """A word without case, blanks, punctuation and final s: `B-Lines` becomes `bline`."""
    return re.sub(r"[\W_]", "", text.casefold()).removesuffix("s")


@dataclass(frozen=True)
class ValueMap:
    """The user's words for a column's values, `{column: {word: value}}`."""

    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "ValueMap":
        """Reads `COLUMN:WORD=VALUE`, such as `sign:B line=b_lines`.

        Raises:
            ConfigError: A text is malformed, or names no column of a manifest.
        """
        words: dict[str, dict[str, str]] = {}
        for text in texts:
            column, _, rest = text.partition(":")
            word, equals, value = rest.rpartition("=")
            if column not in COLUMNS or not equals:
                raise ConfigError(
                    "--value: must be COLUMN:WORD=VALUE with one of the columns "
                    f"{', '.join(COLUMNS)}. Received {text!r}. Write 'sign:B line=b_lines'."
                )
            words.setdefault(column, {})[_exact(word)] = value.strip()
        return cls(words)

    def knows(self, column: str, text: str) -> bool:
        """Whether the user has mapped a word of a column."""
        return _exact(text) in self.words.get(column, {})

    def read(self, column: str, text: str) -> Any:
        """Manifest value of a user's word; None if the word is mapped to a blank.

        Raises:
            ValueError: The word is unknown; the message explains how to map it.
        """
        mapped = self.words.get(column, {}).get(_exact(text))
        if mapped == "":
            return None
        if mapped is None:
            mapped = _known_spelling(column, text)
        try:
            return PARSERS[column](column, mapped)
        except ValueError as error:
            raise ValueError(f"{error} Or map it: --value '{column}:{text}=…'.") from error


def _known_spelling(column: str, text: str) -> str:
    """The name in a column of names that a word spells in any form, else the word itself."""
    label = REGISTRY.get(column)
    names = label.values if isinstance(label, OneOf) else ()
    return next((name for name in names if plain(name) == plain(text)), text)


def _exact(word: str) -> str:
    return word.strip().casefold()


def pairs(option: str, texts: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Reads options `NAME=FIELD` with fields among `known`; returns fields by name.

    Args:
        option: Name of the option, for the message.

    Raises:
        ConfigError: A text is malformed, a field is unknown, or a name occurs twice.
    """
    found: dict[str, str] = {}
    known = list(known)
    for text in texts:
        name, equals, target = text.rpartition("=")
        if not equals or target not in known or name in found:
            raise ConfigError(
                f"{option}: must be NAME=FIELD, each name once, with one of the fields "
                f"{', '.join(known)}. Received {text!r}. Correct it."
            )
        found[name] = target
    return found


def finding_test(findings: Iterable[str]) -> Callable[[str, str], bool | None]:
    """Function from an attribute and its word to whether the finding is present.

    The function returns True for `B-line` (in any spelling) and for an attribute `B-lines` with the
    word `yes`; False for `non-B-line`, `no B-lines`, and an attribute `B-lines` with the word `no`;
    None for all other words.

    Args:
        findings: Names of the finding; `*` also accepts any other word, or none, that does not deny
            B-lines.
    """
    findings = list(findings)
    anything = "*" in findings
    names = {plain("B-line" if finding == "*" else finding) for finding in findings}

    def is_present(attribute: str, word: str) -> bool | None:
        plain_word = plain(word)
        if plain_word in names:
            return True
        if any(plain_word == f"{negation}{name}" for negation in _NOT for name in names):
            return False
        if plain(attribute) in names and _exact(word) in _YES | _NO:
            return _exact(word) in _YES
        return True if anything else None

    return is_present
