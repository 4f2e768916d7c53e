"""The report as one self-contained HTML file: styles, script and images are embedded."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from lus_keras.core.bibtex import entry, paper_entry
from lus_keras.evaluation.report.clips import ViewedClip
from lus_keras.evaluation.report.section import RESEARCH_USE, Section, interval, number, plain

TEMPLATES = Path(__file__).parent / "templates"


def report_html(
    sections: Sequence[Section],
    provenance: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    versions: Mapping[str, Any],
) -> str:
    """The report as HTML.

    Its content security policy forbids loading anything and running any script but the viewer's.

    Args:
        sections: One section per paper.
        provenance: Name → value, printed at the end.
        pictures: PNG files by their path in the report.
        versions: Versions of packages, for the citation.
    """
    script = (TEMPLATES / "viewer.js").read_text("utf-8")
    return template("report.html.j2", autoescape=True).render(
        sections=sections,
        provenance=provenance,
        pictures={
            name: f"data:image/png;base64,{base64.b64encode(content).decode()}"
            for name, content in pictures.items()
        },
        research_use=RESEARCH_USE,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=(TEMPLATES / "report.css").read_text("utf-8"),
        spans=annotated_spans,
        points=curve_points,
        bibtex=[*map(bibtex_paper, sections), bibtex_software(versions)],
    )


def template(
    name: str, filters: Mapping[str, Callable[..., str]] | None = None, **options: Any
) -> jinja2.Template:
    """Loads a template with additional `filters`; `options` are those of `jinja2.Environment`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters.update(
        number=number, interval=interval, plain=plain, prose=prose, **(filters or {})
    )
    return environment.get_template(name)


def prose(text: str) -> Markup:
    """Prints a sentence with the parts between backticks as code, all of it escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def annotated_spans(clip: ViewedClip) -> list[tuple[float, float]]:
    """Left edge and width of each run of annotated frames, in percent of the plot's width.

    Half a frame is added on each side.
    """
    step = _step(clip)
    spans, start = [], None
    for place, mark in enumerate([*clip.annotated, 0]):
        if mark == 1 and start is None:
            start = place
        elif mark != 1 and start is not None:
            left, right = max((start - 0.5) * step, 0.0), min((place - 0.5) * step, 100.0)
            spans.append((round(left, 2), round(right - left, 2)))
            start = None
    return spans


def curve_points(clip: ViewedClip, values: Sequence[float]) -> str:
    """SVG points of a curve of values in 0 … 1, in a box 100 wide and 40 high (1 at y = 3)."""
    step = _step(clip)
    return " ".join(
        f"{place * step:.2f},{37 - 34 * value:.2f}" for place, value in enumerate(values)
    )


def _step(clip: ViewedClip) -> float:
    return 100 / max(len(clip.frames) - 1, 1)


def bibtex_paper(section: Section) -> str:
    """BibTeX entry of the paper, from its record."""
    said = section.run.record
    return paper_entry(section.run.paper, said.title, said.authors, said.venue, said.doi)


def bibtex_software(versions: Mapping[str, Any]) -> str:
    """BibTeX entry of this package."""
    fields = {
        "title": "{lus_keras: lung-ultrasound deep learning in Keras 3}",
        "author": "{The lus_keras authors}",
        "howpublished": "Software, MIT license",
        "version": str(versions.get("lus_keras", "")),
    }
    return entry("lus_keras", fields)
