"""What commands print about the files they wrote."""

from pathlib import Path

from lus_keras.cli.output import LISTED, name_files


def test_a_folder_of_many_files_is_one_line_with_their_number(capsys):
    few = [Path("report/index.html"), Path("report/tables/table1.csv")]
    many = [Path(f"report/figures/{number}.png") for number in range(LISTED + 1)]
    name_files([*few, *many])
    assert capsys.readouterr().out.splitlines() == [
        "Files:",
        "  report/index.html",
        "  report/tables/table1.csv",
        "  report/figures/ (13 files)",
        "Open report/index.html",
    ]


def test_all_files_of_a_small_folder_are_named(capsys):
    files = [Path(f"out/{number}.csv") for number in range(LISTED)]
    name_files(files)
    assert capsys.readouterr().out.splitlines() == ["Files:", *(f"  {path}" for path in files)]
