"""The comparison of two results.json files finds what differs, and nothing else."""

import copy
import json

from compare_results import differences, main


def document():
    cell = {"paper": "p", "table": "t", "row": "r", "published": None, "value": 0.5, "note": ""}
    return {"schema": 1, "rows": [{**cell, "metric": "f1"}, {**cell, "metric": "recall"}]}


def test_equal_files_have_no_difference():
    assert differences(document(), document()) == []


def test_the_last_digit_a_lost_cell_and_a_new_key_are_named():
    before, after = document(), document()
    after["rows"][0] |= {"value": 0.5000000000000001, "n_seeds": 1}
    del after["rows"][1]
    assert differences(before, after) == [
        "p/t/r/f1: value: 0.5 → 0.5000000000000001",
        "p/t/r/f1: n_seeds: 'absent' → 1",
        "p/t/r/recall: only before",
    ]
    found = differences(before, after, ignore=["n_seeds"], tolerance=1e-9)
    assert found == ["p/t/r/recall: only before"]


def test_null_is_not_zero_and_order_counts():
    before = document()
    after = copy.deepcopy(before)
    after["rows"][0]["published"] = 0
    assert differences(before, after) == ["p/t/r/f1: published: None → 0"]
    turned = {**before, "rows": before["rows"][::-1]}
    assert differences(before, turned) == ["rows: the same cells in another order"]


def test_rows_are_found_under_their_new_names():
    before, after = document(), document()
    for row in before["rows"]:
        row["row"] = "flattery/r"
    for row in after["rows"]:
        row["row"] = "leakage_gain/r"
    assert len(differences(before, after)) == 4
    assert differences(before, after, renamed={"flattery": "leakage_gain"}) == []
    assert len(differences(before, after, renamed={"flatter": "leakage_gain"})) == 4


def test_the_command_says_whether_there_is_a_difference(tmp_path, capsys):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, preset in zip(paths, ("quick", "paper"), strict=True):
        path.write_text(json.dumps({**document(), "preset": preset}))
    assert main([str(paths[0]), str(paths[0])]) == 0
    assert main([str(paths[0]), str(paths[1])]) == 1
    assert "preset: 'quick' → 'paper'" in capsys.readouterr().out
