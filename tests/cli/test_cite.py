"""BibTeX of every paper, from its configuration."""

import re

import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.cli.cite import bibtex
from lus_keras.core import config


def test_an_entry_holds_what_the_configuration_says():
    assert bibtex("bline").splitlines() == [
        "@misc{bline,",
        "  title = {{Automatic Detection of B-lines in Lung Ultrasound Videos From Severe Dengue "
        "Patients}},",
        "  author = {Kerdegari and others},",
        "  howpublished = {IEEE ISBI},",
        "  year = {2021},",
        "  doi = {10.48550/arXiv.2102.01059},",
        "}",
    ]
    assert "doi" not in bibtex("severity") and "author" not in bibtex("sliding")


@pytest.mark.parametrize("paper", config.papers())
def test_braces_are_balanced_and_special_signs_escaped(paper):
    entry = bibtex(paper)
    assert entry.count("{") == entry.count("}")
    assert not re.search(r"(?<!\\\\)[&%#_]", entry.partition(",")[2])


def test_the_command_prints_all_or_those_named():
    assert CliRunner().invoke(main, ["cite"]).output.count("@misc{") == len(config.papers())
    assert CliRunner().invoke(main, ["cite", "signs"]).output.startswith("@misc{signs,")
    assert CliRunner().invoke(main, ["cite", "blime"]).exit_code == 2
