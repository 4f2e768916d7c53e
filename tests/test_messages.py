"""Messages to users have one form; those that docs/troubleshooting.md quotes exist."""

import re

import pytest
from documented import ROOT
from messages import GAP, collect, strings

MESSAGES = collect()
# Errors of data and configuration, which their reader can remedy.
REMEDIABLE = {"ConfigError", "DataError", "ManifestError", "VideoError"}
# An imperative, or what is allowed: each tells what to do.
VERBS = (
    *("Accept", "Add", "Annotate", "Check", "Choose", "Close", "Convert", "Copy", "Correct", "Cut"),
    *("Delete", "Divide", "Download", "Draw", "Exclude", "Export", "Fill", "Fix", "Free", "Give"),
    *("Install", "Keep", "Lower", "Make", "Map", "Mark", "Move", "Name", "Omit", "Open", "Put"),
    *("Raise", "Re-mux", "Remove", "Rename", "Restore", "Retrain", "Run", "Save", "Scale", "Set"),
    *("Specify", "Start", "Train", "Type", "Use", "Wait", "Write", "Change"),
)
REMEDY = re.compile(
    rf"(^|[.:;!?,] |{GAP} |\(|, or |and )({'|'.join(VERBS)})\b|\bmust\b|pip install|"
    r"\b(Known|It has|It contains|Name one of these|Then point)\b|give either|correct PatientID",
    re.IGNORECASE,
)
# English that only this package's authors would write, with what to write instead.
PRIVATE = {
    r"\bmend\b": "fix",
    r"\banew\b": "again",
    r"\bvouch\w*": "list, match a hash",
    r"\blearnt\b": "learned, trained on",
    r"by heart": "overfit",
    r"\bflatter\w*": "inflate",
    r"told apart": "distinguish",
    r"\bthe very\b": "the",
    r"none is named": "none given",
    r"\bholds?\b(?!-out)": "contain",
    r"\bstands?\b": "is, means, occurs",
    r"\bpictures?\b": "image",
    r"\bplain file": "regular file",
    r"\b(leave|leaves|left) (it|them|.{1,12}) out\b|\bleft out\b": "exclude, omit, skip",
    r"\basked for\b|\bask for\b": "request, choose",
    r"\bget (it|the file) again": "download it again, copy it again",
    r"\blook(s|ed)? (at|alike)\b": "check, be similar",
    r"the same command continues": "run the same command again to continue",
    r"\b(is|are) no [a-z]+$": "is not a",
}


def test_messages_are_found():
    """Of every kind of error, in every part of the package that reads what users give."""
    assert {message.kind for message in MESSAGES} > REMEDIABLE
    rooms = {message.place.split("/")[1] for message in MESSAGES}
    assert rooms > {"cli", "core", "data", "experiments", "inference", "papers", "simulation"}


def test_a_message_is_a_sentence():
    """A full stop, a question mark or, where the end varies, a gap."""
    whole = [message for message in MESSAGES if message.kind not in ("echo", "ValueError")]
    assert [str(m) for m in whole if not re.search(rf"[.?)]$|{GAP}$", m.text)] == []
    assert [str(m) for m in whole if re.search(r"\s$|  |\n\n", m.text)] == []


def test_a_message_says_what_to_do():
    """A text that ends in a gap gets its remedy from what fills the gap."""
    silent = [
        str(message)
        for message in MESSAGES
        if message.kind in REMEDIABLE
        and not message.text.endswith(GAP)
        and not REMEDY.search(message.text)
    ]
    assert silent == []


@pytest.mark.parametrize("word", PRIVATE)
def test_no_message_has_private_words(word):
    found = [str(m) for m in MESSAGES if re.search(word, m.text, re.IGNORECASE)]
    assert found == [], f"write: {PRIVATE[word]}"


def test_quoted_messages_exist():
    """Each cell of a table's first column is part of a text of the code; gaps match anything."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(quoted) >= 20
    texts = strings()
    patterns = {
        quote: re.compile(".*?".join(map(re.escape, quote.split(GAP))), re.DOTALL)
        for quote in quoted
    }
    assert [q for q, pattern in patterns.items() if not any(map(pattern.search, texts))] == []
