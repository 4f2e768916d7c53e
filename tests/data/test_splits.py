"""No patient on both sides: over random cohorts, over files, over whatever was edited by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core import config
from lus_keras.core.errors import DataError, LeakageError
from lus_keras.data.splits import (
    Fold,
    Split,
    make_clipwise,
    make_holdout,
    make_kfold,
    make_transfer,
    read_own_split,
    read_splits,
    shared_patients,
    verify,
    write_split,
)

QUICK = settings(deadline=None, max_examples=100, derandomize=True)


@st.composite
def cohorts(draw):
    """Clips of 2 … 30 patients with 1 … 8 clips each, of 1 … 4 classes, in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    count = draw(st.integers(2, 30))
    clips = rng.integers(1, draw(st.integers(1, 8)) + 1, count)
    names = [f"{number:03d}" for number in rng.permutation(count)]
    patients = np.repeat(names, clips)
    labels = rng.integers(0, draw(st.integers(1, 4)), len(patients))
    order = rng.permutation(len(patients))
    return patients[order], labels[order]


def balanced_cohort(seed, patients=60, clips=20):
    """Every patient has its own share of positives, half of all clips are positive."""
    rng = np.random.default_rng(seed)
    shares = np.tile([0.1, 0.3, 0.7, 0.9], patients // 4)
    names = np.repeat([f"p{i:02d}" for i in range(patients)], clips)
    return names, (rng.random(len(names)) < np.repeat(shares, clips)).astype(int)


@QUICK
@given(cohorts(), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_kfold_tests_every_patient_once_and_trains_on_all_others(cohort, folds, seed):
    patients, labels = cohort
    everyone = set(patients)
    if folds > len(everyone):
        with pytest.raises(DataError, match=rf"split\.folds: .*{folds} folds of {len(everyone)}"):
            make_kfold(patients, labels, folds=folds, seed=seed)
        return
    split = make_kfold(patients, labels, folds=folds, seed=seed)
    assert [fold.fold for fold in split.folds] == list(range(folds))
    tested = [patient for fold in split.folds for patient in fold.test]
    assert sorted(tested) == sorted(everyone)
    for fold in split.folds:
        assert not set(fold.train) & set(fold.test)
        assert set(fold.train) | set(fold.test) == everyone
        assert fold.train
        assert fold.test
        assert list(fold.train) == sorted(fold.train)
        assert {type(name) for name in fold.train + fold.test} == {str}


@QUICK
@given(cohorts(), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_holdout_draws_the_share_of_patients_and_never_an_empty_side(cohort, fraction, seed):
    patients, labels = cohort
    count = len(set(patients))
    (fold,) = make_holdout(patients, labels, test_fraction=fraction, seed=seed).folds
    assert len(fold.test) == min(max(round(fraction * count), 1), count - 1)
    assert not set(fold.train) & set(fold.test)
    assert set(fold.train) | set(fold.test) == set(patients)


@QUICK
@given(cohorts(), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_is_irrelevant(cohort, seed, random):
    patients, labels = cohort
    order = list(range(len(patients)))
    random.shuffle(order)
    for make, size in ((make_kfold, {"folds": 2}), (make_holdout, {"test_fraction": 0.3})):
        split = make(patients, labels, seed=seed, **size)
        again = make(patients[order], labels[order], seed=seed, **size)
        assert again == split
        assert again.sha256 == split.sha256


def test_seeds_decide_the_split():
    patients, labels = balanced_cohort(0)
    for make, size in ((make_kfold, {"folds": 5}), (make_holdout, {"test_fraction": 0.3})):
        splits = [make(patients, labels, seed=seed, **size) for seed in (*range(20), 0)]
        assert splits[0] == splits[-1]
        assert len({split.folds for split in splits}) == 20
        assert len({split.sha256 for split in splits}) == 20


@pytest.mark.parametrize("seed", range(10))
def test_folds_have_similar_classes_and_sizes(seed):
    """Half of all clips are positive; grouping by patient costs at most 0.1 of that in a fold."""
    patients, labels = balanced_cohort(seed)
    for fold in make_kfold(patients, labels, folds=5, seed=seed).folds:
        rows = np.isin(patients, fold.test)
        assert abs(labels[rows].mean() - labels.mean()) <= 0.1
        assert abs(rows.mean() - 0.2) <= 0.06


@pytest.mark.parametrize("seed", range(10))
def test_a_holdout_is_stratified_by_the_largest_class_of_a_patient(seed):
    """Of 40 patients with score 3 and 20 with score 0 a test set of 30 % holds 12 and 6."""
    scores = np.repeat([3, 0], [40, 20])
    patients = np.repeat([f"p{i:02d}" for i in range(60)], 2)
    labels = np.stack([np.zeros_like(scores), scores], axis=1).ravel()
    (fold,) = make_holdout(patients, labels, test_fraction=0.3, seed=seed).folds
    of_patient = dict(zip(patients[1::2], scores, strict=True))
    assert sorted(of_patient[name] for name in fold.test) == [0] * 6 + [3] * 12


def test_a_class_rarer_than_the_folds_is_no_obstacle():
    """Six patients of one clip each, three classes of two: no class can be in all five folds."""
    patients, labels = list("abcdef"), [0, 0, 1, 1, 2, 2]
    split = make_kfold(patients, labels, folds=5, seed=0)
    assert sorted(len(fold.test) for fold in split.folds) == [1, 1, 1, 1, 2]


def test_as_many_folds_as_patients_leave_one_patient_out():
    """One patient with most of the clips does not leave a fold without a patient."""
    patients = ["a"] * 50 + ["b", "c", "d", "e"]
    split = make_kfold(patients, [1] * 50 + [0, 0, 0, 1], folds=5, seed=0)
    assert sorted(fold.test for fold in split.folds) == [(name,) for name in "abcde"]


def test_a_single_class_is_split_too():
    patients = np.repeat([f"p{i}" for i in range(10)], 3)
    labels = np.zeros(30, int)
    split = make_kfold(patients, labels, folds=5, seed=0)
    assert [len(fold.test) for fold in split.folds] == [2] * 5
    (fold,) = make_holdout(patients, labels, test_fraction=0.3, seed=0).folds
    assert len(fold.test) == 3


@pytest.mark.parametrize("folds", [-1, 0, 1, 4])
def test_folds_must_be_two_or_more_and_no_more_than_patients(folds):
    with pytest.raises(DataError, match=r"split\.folds: must be at least 2") as caught:
        make_kfold(["a", "b", "c"], [0, 1, 0], folds=folds, seed=0)
    assert caught.value.exit_code == 3


def test_one_patient_cannot_be_split():
    with pytest.raises(DataError, match=r"at least 2 patients\. Received 1\."):
        make_holdout(["a", "a"], [0, 1], test_fraction=0.5, seed=0)


def test_verify_names_every_leak():
    leaking = Split("kfold", 0, (Fold(0, ("a", "b"), ("b", "c")), Fold(1, ("a",), ("c",))))
    with pytest.raises(LeakageError) as caught:
        verify(leaking, "abc")
    assert str(caught.value).splitlines() == [
        "fold 0: patient 'b' is in train and test.",
        "patient 'c' is tested in fold 0 and fold 1.",
    ]


def test_verify_names_every_gap():
    split = Split("kfold", 0, (Fold(0, ("a", "x"), ("b",)), Fold(1, (), ("a",))))
    with pytest.raises(DataError) as caught:
        verify(split, ["a", "b", "c"])
    assert not isinstance(caught.value, LeakageError)
    assert str(caught.value).splitlines() == [
        "fold 0: patient 'x' is not in the data.",
        "fold 0: patient 'c' is in neither set.",
        "fold 1: no patient to train.",
        "fold 1: patient 'b' is in neither set.",
        "fold 1: patient 'c' is in neither set.",
        "patient 'c' is never tested.",
    ]


@pytest.fixture
def written(tmp_path):
    """Path of a file with two papers' splits, and the splits."""
    patients, labels = balanced_cohort(1, patients=8, clips=3)
    splits = {
        "bline": make_kfold(patients, labels, folds=4, seed=0),
        "sliding": make_holdout(patients, labels, test_fraction=0.3, seed=0),
    }
    write_split(tmp_path / "split.json", splits)
    return tmp_path / "split.json", splits


def edit(path, change):
    content = json.loads(path.read_text())
    change(content["papers"]["bline"])
    path.write_text(json.dumps(content))


def test_a_written_split_is_read_back_the_same(written, tmp_path):
    path, splits = written
    assert read_splits(path) == splits
    assert read_splits(tmp_path / "none.json") == {}


def test_the_hash_depends_on_all_that_is_written(written):
    split = written[1]["bline"]
    first = split.folds[0]
    others = [
        replace(split, seed=1),
        replace(split, scheme="holdout"),
        replace(split, folds=split.folds[:-1]),
        replace(split, folds=(replace(first, test=first.test[:-1]), *split.folds[1:])),
    ]
    assert len({other.sha256 for other in [split, *others]}) == 5


def test_a_leak_written_into_the_file_names_file_paper_and_patients(written):
    path, splits = written
    leaked = splits["bline"].folds[0].test
    edit(path, lambda entry: entry["folds"][0]["train"].extend(leaked))
    with pytest.raises(LeakageError) as caught:
        read_splits(path)
    assert str(caught.value).splitlines() == [
        f"{path}: bline: fold 0: patient '{name}' is in train and test." for name in leaked
    ]


def test_an_edit_that_does_not_leak_is_an_error_too(written):
    """A patient taken out of training changes the experiment."""
    path, _ = written
    edit(path, lambda entry: entry["folds"][0]["train"].pop())
    with pytest.raises(DataError, match=r"split\.json: bline: the folds do not match"):
        read_splits(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("folds"),
        lambda entry: entry.pop("sha256"),
        lambda entry: entry.update(folds=3),
        lambda entry: entry.update(folds=["x"]),
        lambda entry: entry["folds"][0].update(train=None),
        lambda entry: entry.update(seed="one"),
    ],
)
def test_a_damaged_entry_is_a_data_error_that_names_the_file(written, change):
    path, _ = written
    edit(path, change)
    with pytest.raises(DataError, match=r"split\.json: not a split file .*Delete it"):
        read_splits(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"schema": 2, "papers": {}}', "[" * 100_000]
)
def test_a_file_that_is_no_split_is_a_data_error_that_names_the_file(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"split\.json: not a split file"):
        read_splits(path)


def test_a_file_cut_at_any_byte_is_never_taken_for_whole(written):
    path, splits = written
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 7):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            read_splits(path)
    path.write_bytes(content)
    assert read_splits(path) == splits


# Test tiles that the printed rates of the lung-sliding paper imply: all, and those with sliding.
PUBLISHED = {
    "2_30x30": (386, 264),
    "all_30x30": (1555, 1094),
    "2_60x60": (178, 119),
    "all_60x60": (330, 227),
}
# Rounding to four digits, and a little more: printed rates were computed in single precision.
RATE, F1, SPECIFICITY = 1.1e-4, 2.2e-4, 5.5e-4


def solutions(name):
    """Numbers of test tiles and of positives, up to 30 % of all, that give all printed rates.

    Of each network there have to be whole numbers of tiles with and without sliding that are named
    rightly, whose sensitivity, accuracy, specificity and F1 are those printed.
    """
    printed = config.load("sliding").published
    rows = [
        rates
        for number in ("table1", "table2")
        for row, rates in printed[number].items()
        if row.startswith(f"{name}/")
    ]
    assert len(rows) == 3
    found = []
    for tested in range(20, int(0.3 * printed["figure4"][name]["total"]) + 2):
        positives = np.arange(1, tested)
        fits = np.ones(len(positives), bool)
        for rates in rows:
            right = np.rint(rates["sensitivity"] * positives)
            rejected = np.rint(rates["accuracy"] * tested) - right
            wrong = tested - positives - rejected
            f1 = 2 * right / (positives + right + wrong)
            fits &= abs(right / positives - rates["sensitivity"]) <= RATE
            fits &= abs((right + rejected) / tested - rates["accuracy"]) <= RATE
            fits &= abs(rejected / (tested - positives) - rates["specificity"]) <= SPECIFICITY
            fits &= (abs(f1 - rates["f1"]) <= F1) & (rejected >= 0) & (wrong >= 0)
        found += [(tested, int(number)) for number in positives[fits]]
    return found


def test_a_fifth_is_the_one_share_of_the_tiles_that_gives_all_printed_rates():
    """Of 1 … 30 %; in three data sets it is the one solution at all. The paper prints 30 %."""
    tiles = {name: config.load("sliding").published["figure4"][name]["total"] for name in PUBLISHED}
    found = {name: dict(solutions(name)) for name in PUBLISHED}
    sizes = {
        percent: {name: -(-percent * count // 100) for name, count in tiles.items()}
        for percent in range(1, 31)
    }
    fitting = [
        percent
        for percent, tested in sizes.items()
        if all(tested[name] in found[name] for name in PUBLISHED)
    ]
    assert fitting == [20]
    assert {name: (tested, found[name][tested]) for name, tested in sizes[20].items()} == PUBLISHED
    assert [name for name in PUBLISHED if len(found[name]) > 1] == ["all_30x30"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_counts_are_those_of_one_split_by_clip(name):
    counts = config.load("sliding").published["figure4"][name]
    clips, positives = counts["total"], counts["present"]
    tested, positive = PUBLISHED[name]
    labels = np.arange(clips) >= clips - positives
    names = [f"c{number:05d}" for number in range(clips)]
    split = make_clipwise(names, labels, scheme="as_published", test_fraction=0.3, seed=0)
    (fold,) = split.folds
    assert len(fold.test) == tested
    assert sum(labels[int(name[1:])] for name in fold.test) == positive
    assert split.leaks
    assert fold.unit == "clip"


def test_a_validation_set_is_of_other_patients_and_known_to_the_file(tmp_path):
    patients = np.repeat([f"p{i:02d}" for i in range(20)], 3)
    labels = np.repeat(np.arange(20) % 2, 3)
    split = make_holdout(
        patients, labels, test_fraction=0.3, seed=4, repeats=3, validation_fraction=0.2
    )
    assert len(split.folds) == 3
    assert len({fold.test for fold in split.folds}) == 3
    for fold in split.folds:
        assert len(fold.test) == 6
        assert len(fold.validation) == 3
        assert not {*fold.test, *fold.validation} & set(fold.train)
        assert len(fold.train) == 11
    write_split(tmp_path / "split.json", {"x": split})
    assert read_splits(tmp_path / "split.json") == {"x": split}


def test_a_patient_in_train_and_validation_is_a_leak():
    fold = Fold(0, ("a", "b"), ("c",), ("b",))
    with pytest.raises(LeakageError, match="patient 'b' is in train and validation"):
        verify(Split("holdout", 0, (fold,)), ["a", "b", "c"])


def test_patients_to_test_can_be_named(tmp_path):
    patients = [f"p{i}" for i in range(8)]
    for fraction, drawn in ((0.2, 2), (0.5, 4), (0.0, 0)):
        split = make_holdout(
            patients,
            np.zeros(8, int),
            test_fraction=fraction,
            seed=0,
            repeats=3,
            test_patients=("p3", "p5"),
        )
        for fold in split.folds:
            assert {"p3", "p5"} <= set(fold.test)
            assert len(fold.test) == 2 + drawn
        # Which are drawn is chance.
        assert len({fold.test for fold in split.folds}) == (3 if drawn else 1)
    with pytest.raises(DataError, match=r"split\.test_patients: q: not in the data"):
        make_holdout(patients, np.zeros(8, int), test_fraction=0.2, seed=0, test_patients=("q",))


def test_two_data_sets_that_share_a_patient_cannot_be_learned_from_and_tested_on():
    split = make_transfer(["a", "b"], ["c"], networks=2, seed=0)
    assert [fold.test for fold in split.folds] == [("c",), ("c",)]
    with pytest.raises(LeakageError, match="patient 'b' is in train and test"):
        make_transfer(["a", "b"], ["b"], networks=1, seed=0)


def test_who_knows_patients_by_heart_gains_nothing_from_a_split_by_patient():
    """A model that remembers each patient's label is right on every clip of a split by clip, and
    on a split by patient right only where it guesses the larger class: it knows nobody there."""
    draw = np.random.default_rng(0)
    by_patient = {f"p{number}": int(draw.integers(2)) for number in range(40)}
    patients = np.repeat(sorted(by_patient), 5)
    labels = np.array([by_patient[patient] for patient in patients])

    def right(train, test):
        known = dict(zip(patients[train], labels[train], strict=True))
        guess = int(labels[train].mean() > 0.5)
        answers = [known.get(patient, guess) for patient in patients[test]]
        return (answers == labels[test]).mean(), (guess == labels[test]).mean()

    for fold in make_kfold(patients, labels, folds=5, seed=0).folds:
        score, chance = right(np.isin(patients, fold.train), np.isin(patients, fold.test))
        assert score == chance
    clips = draw.permutation(len(patients))
    assert right(clips[40:], clips[:40])[0] == 1.0


def own_file(tmp_path, *folds, scheme="holdout"):
    path = tmp_path / "folds.json"
    entry = {"scheme": scheme, "seed": 0, "folds": list(folds)}
    path.write_text(json.dumps({"schema": 1, "papers": {"b_lines": entry}}))
    return path


def by_hand(fold, train="a", test="b", **further):
    return {"fold": fold, "train": train.split(), "test": test.split(), **further}


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ((by_hand(0), by_hand(0)), r"0 … 1, each once. Received \[0, 0\]"),
        ((by_hand(0), by_hand(2)), r"0 … 1, each once. Received \[0, 2\]"),
        ((by_hand(1), by_hand(2)), r"0 … 1, each once. Received \[1, 2\]"),
        ((by_hand(-1),), r"Received \[-1\]"),
        ((), r"Received \[\]"),
        ((by_hand(0, unit="video"),), "'unit' must be patient or clip. Received video"),
        ((by_hand(0, unit="clip"), by_hand(1)), "the same in all folds. Received clip, patient"),
        ((by_hand(0.4), by_hand(1.9)), "must be whole numbers. Received 0.4"),
        ((by_hand(float("inf")),), "must be whole numbers. Received inf"),
        ((by_hand(False), by_hand(True)), "must be whole numbers. Received False"),
        # A text would be taken letter by letter.
        ((by_hand(0) | {"train": "p1"},), "must be lists of ids. Received p1"),
        ((by_hand(0) | {"train": [["p1"], "p2"]},), "must be lists of ids"),
        ((by_hand(0, "a c a"),), "must contain each id once. Received a twice"),
    ],
)
def test_folds_of_ones_own_are_numbered_and_of_one_unit(tmp_path, folds, message):
    path = own_file(tmp_path, *folds)
    with pytest.raises(DataError, match=message) as error:
        read_own_split(path, ("b_lines",))
    assert str(path) in str(error.value)


def test_the_order_of_folds_of_ones_own_is_free(tmp_path):
    split = read_own_split(own_file(tmp_path, by_hand(1, "a", "b"), by_hand(0, "b", "a")), ("x",))
    assert [fold.fold for fold in split.folds] == [1, 0]


def test_patients_of_clips_on_two_sides_are_found():
    patients = {"v1@0": "p1", "v1@9": "p1", "v2@0": "p2", "v3@0": "p3"}
    leaking = Fold(0, ("v1@0", "v2@0"), ("v1@9",), ("v3@0",), unit="clip")
    clean = Fold(1, ("v1@0", "v1@9"), ("v2@0",), ("v3@0",), unit="clip")
    found = list(shared_patients(Split("holdout", 0, (leaking, clean)), patients))
    assert found == ["fold 0: clips of patient 'p1' are in train and test."]
    # Where patients are divided, `verify` tells.
    divided = Split("holdout", 0, (Fold(0, ("p1",), ("p1",)),))
    assert list(shared_patients(divided, patients)) == []


@pytest.mark.parametrize(("named", "validation", "left"), [(3, 0.0, 0), (3, 0.3, 0), (2, 0.3, 0)])
def test_a_holdout_that_leaves_nobody_to_train_on_is_refused(named, validation, left):
    patients = ["p0", "p1", "p2"]
    with pytest.raises(DataError, match=rf"split\.test_patients: leaves {left} of 3 patients"):
        make_holdout(
            patients,
            np.zeros(3, int),
            test_fraction=0.3,
            seed=0,
            validation_fraction=validation,
            test_patients=patients[:named],
        )


def test_own_folds_without_a_patient_to_train_on_are_refused(tmp_path):
    split = read_own_split(own_file(tmp_path, by_hand(0, "", "a b")), ("b_lines",))
    with pytest.raises(DataError, match="fold 0: no patient to train"):
        verify(split, ["a", "b"])
