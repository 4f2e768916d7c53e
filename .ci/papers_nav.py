"""Puts the page of every paper into the navigation: a paper is found by its configuration."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SECTION = "Explanation"


def on_config(config):
    """Called by MkDocs with what `mkdocs.yml` says; pages stand in front of the section's own."""
    pages = [f"{path.stem}.md" for path in sorted((ROOT / "configs").glob("*.yaml"))]
    sections = [entry for entry in config.nav if isinstance(entry, dict)]
    (section,) = [entry[SECTION] for entry in sections if SECTION in entry]
    section[:0] = pages
    return config
