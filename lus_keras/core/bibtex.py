"""BibTeX entries, from what configurations and records say of a paper."""

import re
from collections.abc import Mapping


def paper_entry(key: str, title: str, authors: str, venue: str, doi: str) -> str:
    """Makes an entry of a paper; what is empty is left out, "et al." becomes "and others"."""
    years = re.findall(r"\b(?:19|20)\d\d\b", venue)
    # Braces keep the capitals of a title.
    fields = {
        "title": f"{{{title}}}",
        "author": re.sub(r",?\s*et al\.?$", " and others", authors),
        "howpublished": re.sub(r",? (?:19|20)\d\d$", "", venue),
        "year": years[-1] if years else "",
        "doi": doi,
    }
    if not venue:
        # A text without a source has no author to name either.
        fields |= {"author": "", "note": authors.capitalize()}
    return entry(key, fields)


def entry(key: str, fields: Mapping[str, str]) -> str:
    """Makes an entry of the kind `misc` of the fields that are not empty."""
    escaped = {name: re.sub(r"([&%#_])", r"\\\1", value) for name, value in fields.items() if value}
    lines = [f"  {name} = {{{value}}}," for name, value in escaped.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
