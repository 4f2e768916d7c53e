"""What README and docs/ tell a reader to type works: every command line, every Python block.

Lines that train have `--dry-run` added, which resolves targets, papers, networks, data and
settings; what takes minutes, the network or Docker is parsed only, for the reason that
stands in `PARSED`. A line that nobody has thought of fails.
"""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from documented import PAGES, ROOT, blocks, build_world, command_lines, typed
from ruamel.yaml import YAML

from lus_keras import papers
from lus_keras.cli import main
from lus_keras.core import config
from lus_keras.data.manifest.record import COLUMNS
from lus_keras.experiments import notebook

# Options that are added so that a line takes seconds; the last of an option counts.
ADDED = {
    ("reproduce",): ["--dry-run"],
    ("report",): [],
    ("list",): [],
    ("cite",): [],
    ("doctor",): [],
    ("predict",): ["--no-pictures"],
    ("export",): [],
    ("data", "simulate"): ["--workers", "1"],
    ("data", "sheet"): ["--per-class", "1"],
    ("data", "check"): [],
    ("data", "stats"): [],
    ("data", "show"): [],
    ("data", "split"): [],
    ("data", "tile"): ["--tile", "90"],
    ("data", "annotate"): [],
    ("data", "import-annotations"): [],
    ("data", "mark"): [],
    ("data", "import-via"): [],
    ("data", "import-frames"): [],
    ("data", "import-table"): [],
    ("data", "import-dicom"): [],
}
PARSED = {
    ("explain",): "takes a minute; test_explain.py runs it",
    ("pretrain",): "trains a network; test_pretrained.py does",
    ("data", "fetch"): "needs the network; test_fetch.py runs it on a server of its own",
    ("benchmark",): "takes minutes to hours; test_benchmark.py runs a line of it",
    ("cost",): "builds every network of every paper; test_cost.py does",
    ("data", "simulate-check"): "takes minutes; test_acceptance.py runs its checks",
}
MAX_VIDEOS = 8
# The paper that docs/add-a-paper.md adds.
EXAMPLE = "example"
COHORT = ("--task", "bline", "--patients", "4", "--videos", "8")
# Pages that the site's hooks write from the code, and pages that are allowed more words.
GENERATED = {"command-line.md", "configuration.md"}
LONG = {"results.md", "sliding.md"}
ELSEWHERE = {
    "docker": "needs Docker",
    "curl": "needs a server",
}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """Cohorts that were simulated, by the options they were simulated with."""
    return {}, tmp_path_factory.mktemp("cohorts")


@pytest.fixture(scope="module")
def world(tmp_path_factory, cohorts, tensorflow):
    """Files that the documentation names, made once; the run is that of docs/deploy.md."""
    folder = build_world(tmp_path_factory.mktemp("documented") / "world")
    simulate([*COHORT, "--out", "cohort"], folder, cohorts)
    run = notebook.reproduce(
        "bline",
        "table1",
        data=str(folder / "cohort" / "manifest.csv"),
        preset="smoke",
        models=["c2d_lstm_a"],
        out=folder / "runs" / "demo",
    )
    shutil.copytree(run, folder / "runs" / "simulated-quick")
    shutil.rmtree(folder / "cohort")
    return folder


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request):
    return request.param


def resolve(words):
    """Path of a command and the words that are left for it; the last command is no group.

    Raises:
        KeyError: There is no such command.
    """
    command, path = main, ()
    words = list(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        path += (words.pop(0),)
        command = command.commands[path[-1]]
    return command, path, words


def run_here(words):
    """Runs a command line in this process.

    Raises:
        AssertionError: It does not end well; its output is told.
    """
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, f"{' '.join(words)}\n{result.output}\n{result.exception!r}"
    return result.output


def simulate(options, place, cohorts):
    """`data simulate`, at most a few videos; the same cohort is not rendered twice."""
    made, folder = cohorts
    command, path, _ = resolve(["data", "simulate"])
    values = command.make_context("simulate", list(options)).params
    if (values["videos"] or MAX_VIDEOS + 1) > MAX_VIDEOS:
        options = [*options, "--patients", "2", "--videos", "2"]
    key = tuple(word for word in options if word != str(values["out"]))
    if key not in made:
        made[key] = folder / str(len(made))
        run_here([*path, *options, *ADDED[path], "--out", str(made[key])])
    shutil.copytree(made[key], place / values["out"], dirs_exist_ok=True)


def type_line(line, place, cohorts):
    """Types a line of `lus-keras` at a place: runs it, or parses it where running it takes long."""
    command, path, options = resolve(line.words[1:])
    if not path or (not options and isinstance(command, click.Group)):
        return
    if not options and any(parameter.required for parameter in command.params):
        return  # a command's name, nothing more
    command.make_context(" ".join(path), list(options))
    if f"{EXAMPLE}/table1" in options:
        return  # run by the test of the example
    needs_onnx = "onnx" in options and importlib.util.find_spec("tf2onnx") is None
    if path == ("data", "simulate"):
        simulate(options, place, cohorts)
    elif path == ("export",) and line.page.name not in ("deploy.md", "networks.md"):
        return  # once is enough: it takes ten seconds
    elif path not in PARSED and not needs_onnx:
        output = run_here([*path, *options, *ADDED[path]])
        if line.target:
            (place / line.target).write_text(output, encoding="utf-8")


def type_other(line):
    """Checks a line of another program: a target of the Makefile, an extra of the package."""
    program, *rest = line.words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert rest[0] in targets
    elif program == "pip":
        assert rest[0] == "install"
        wanted = set(re.findall(r"\[([\w,]+)\]", " ".join(rest)))
        text = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2]
        assert {extra for group in wanted for extra in group.split(",")} <= set(
            re.findall(r"^([\w-]+) =", text, re.MULTILINE)
        )
    elif program == "python":
        done = subprocess.run([sys.executable, *rest], capture_output=True, check=True)
        Path(line.target).write_bytes(done.stdout)
    else:
        assert program in ELSEWHERE, f"{line}: how is this to be tested?"


def python_block(block):
    """Runs a Python block, or compiles it where a package is missing that is not ours to have."""
    code = compile(block.text, f"{block.page.name}:{block.line}", "exec")
    needed = re.findall(r"^(?:import|from) (\w+)", block.text, re.MULTILINE)
    if all(importlib.util.find_spec(name) for name in needed):
        exec(code, {"__name__": "documented"})


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_page_can_be_typed_from_top_to_bottom(page, world, cohorts, tmp_path, monkeypatch):
    place = tmp_path / "place"
    shutil.copytree(world, place)
    monkeypatch.chdir(place)
    monkeypatch.setenv("LUS_KERAS_DATA", str(place / "data"))
    lines = [(line.number, line) for line in command_lines(page)]
    code = [(block.line, block) for block in blocks(page) if block.language == "python"]
    for _, item in sorted([*lines, *code], key=lambda each: each[0]):
        if not hasattr(item, "words"):
            python_block(item)
        elif item.words[0] == "lus-keras":
            type_line(item, place, cohorts)
        else:
            type_other(item)


def masked(line):
    """A line of output without its numbers, which rounding may change, and its alignment."""
    return re.sub(r"[+-]?\d+(?:[.,]\d+)*(?:e[+-]\d+)?", "#", " ".join(line.split()))


def test_the_tutorial_shows_what_is_printed(world, tmp_path, monkeypatch):
    """Lines of a plain block are among those that the block before it prints, in their order.

    The run that the tutorial trains is there already, so that its command only reports.
    """
    place = shutil.copytree(world, tmp_path / "place")
    monkeypatch.chdir(place)
    pairs = itertools.pairwise(blocks(ROOT / "docs" / "tutorial.md"))
    shown = [pair for pair in pairs if not pair[1].language]
    assert len(shown) == 6
    for block, expected in shown:
        (line,) = typed(block)
        printed = iter([masked(text) for text in run_here(line.words[1:]).splitlines()])
        for text in expected.text.splitlines():
            wanted = ".*".join(map(re.escape, masked(text).split("…")))
            assert any(re.fullmatch(wanted, found) for found in printed), f"{line}: {text}"


def test_every_block_says_what_it_is(page):
    """A block of a new language would be passed over."""
    known = {"bash", "python", "csv", "yaml", "slurm", ""}
    assert {block.language for block in blocks(page)} <= known
    plain = [block for block in blocks(page) if not block.language]
    assert [block.line for block in plain if "lus-keras " in block.text] == []


def test_every_command_is_documented():
    """What `lus-keras --help` offers stands in README or docs."""
    told = {resolve(line.words[1:])[1] for page in PAGES for line in command_lines(page)
            if line.words[0] == "lus-keras"}  # fmt: skip
    assert set(_commands(main)) <= told


def _commands(group, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("name", papers.names())
def test_the_page_of_a_paper_has_a_command_for_every_target(name):
    page = ROOT / "docs" / f"{name}.md"
    told = set()
    for line in command_lines(page):
        command, path, options = resolve(line.words[1:])
        if path == ("reproduce",):
            asked = command.make_context("reproduce", options).params
            told |= set(asked["targets"]) if asked["papers"] == (name,) else set()
    assert set(papers.get(name).targets) <= told


def rows_of_commands(name):
    """Rows of the table of commands of a paper's page: what, command, result, difference."""
    text = (ROOT / "docs" / f"{name}.md").read_text().partition("## Commands\n")[2]
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("name", papers.names())
def test_every_table_and_figure_has_a_result_or_a_reason(name):
    """Every target has a row; a row names a committed file, or the time or reason why not."""
    told, lacking = set(), []
    for what, command, result, difference in rows_of_commands(name):
        told |= {word for word in command.split() if word in papers.get(name).targets}
        files = re.findall(r"`([^`]+/[^`]+)`", result)
        lacking += [file for file in files if not (ROOT / "docs" / "results" / file).is_file()]
        if not files and not re.match(r"not run: about \d+ (min|h)|none", result):
            lacking.append(f"{what}: {result}")
        if result == "none" and not command.startswith("none: "):
            lacking.append(f"{what}: no reason")
        assert difference
    assert lacking == []
    assert told == set(papers.get(name).targets)


@pytest.mark.parametrize(
    ("name", "numbered"),
    [
        ("bline", {"Table": 2, "Figure": 2}),
        ("sliding", {"Table": 5, "Figure": 5}),
        ("severity", {"Table": 1, "Figure": 10}),
        ("signs", {"Table": 1, "Figure": 4}),
    ],
)
def test_every_numbered_table_and_figure_of_the_paper_has_a_row(name, numbered):
    """As many as the paper has; severity counts its only table in Roman numerals."""
    told = [
        row[0].replace("Table I", "Table 1").partition(",")[0] for row in rows_of_commands(name)
    ]
    wanted = [f"{kind} {i + 1}" for kind, count in numbered.items() for i in range(count)]
    assert [one for one in wanted if told.count(one) != 1] == []


@pytest.mark.parametrize("name", papers.names())
def test_the_page_of_a_paper_tells_each_of_its_inconsistencies(name):
    text = (ROOT / "docs" / f"{name}.md").read_text().partition("## Inconsistencies")[2]
    told = re.findall(r"^- ", text.partition("\n## ")[0], re.MULTILINE)
    assert len(told) == len(config.load(name).inconsistencies)


def test_the_navigation_finds_the_page_of_every_paper():
    """The hook of MkDocs puts them before what `mkdocs.yml` names; no page is named twice."""
    spec = importlib.util.spec_from_file_location("papers_nav", ROOT / ".ci" / "papers_nav.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    nav = ["index.md", {hook.SECTION: ["results.md"]}, {"How-to": ["report.md"]}]
    found = hook.on_config(SimpleNamespace(nav=nav)).nav[1][hook.SECTION]
    assert found == [*(f"{name}.md" for name in papers.names()), "results.md"]
    text = (ROOT / ".ci" / "mkdocs.yml").read_text()
    assert [name for name in papers.names() if f"- {name}.md" in text] == []


def test_every_page_has_one_place_and_only_reference_is_long():
    """Four groups after the front page; a page to be read has at most 1,500 words."""
    text = (ROOT / ".ci" / "mkdocs.yml").read_text()
    nav = YAML(typ="safe").load(text)["nav"]
    groups = {name: pages for entry in nav[1:] for name, pages in entry.items()}
    assert list(groups) == ["Tutorial", "How-to", "Reference", "Explanation"]
    placed = [nav[0], *(page for pages in groups.values() for page in pages)]
    found = [f"{name}.md" for name in papers.names()]
    written = {page.name for page in PAGES if page.parent.name == "docs"}
    assert len(placed) == len(set(placed))
    assert written == {*placed, *found} - GENERATED
    words = {name: len((ROOT / "docs" / name).read_text().split()) for name in written}
    read = written - {*groups["Reference"], *LONG}
    assert {name: words[name] for name in read if words[name] > 1500} == {}


def test_the_page_of_formats_has_every_column_of_a_manifest():
    text = (ROOT / "docs" / "files.md").read_text().partition("## Run directory")[0]
    told = [name for cell in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", cell)]  # fmt: skip
    assert sorted(told) == sorted(COLUMNS)


def test_the_example_of_a_new_paper_is_found_and_can_be_run(world, cohorts, tmp_path):
    """The page's three files are put beside the package's own; no list is edited."""
    for name in ("lus_keras", "configs", "data_manifests"):
        home = tmp_path / ("lus_keras" if name == "lus_keras" else f"lus_keras/{name}")
        shutil.copytree(ROOT / name, home, ignore=shutil.ignore_patterns("__pycache__"))
    page = blocks(ROOT / "docs" / "add-a-paper.md")
    texts = [block.text for block in page if block.language in ("yaml", "python")]
    places = ("configs/example.yaml", "papers/example/__init__.py", "papers/example/tables.py")
    for text, place in zip(texts, places, strict=True):
        path = tmp_path / "lus_keras" / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    simulate(
        ["--task", "bline", "--patients", "4", "--videos", "8", "--out", "c"], tmp_path, cohorts
    )
    words = ["reproduce", f"{EXAMPLE}/table1", "--data", "c/manifest.csv", "--preset", "smoke"]
    script = f"from lus_keras.cli import main; main({words!r})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "runs/manifest-smoke/report/tables/example_table1.csv").read_text()
    published = [row.split(",")[4] for row in table.splitlines() if "c2d_a,f1," in row]
    assert published == ["0.55"]
