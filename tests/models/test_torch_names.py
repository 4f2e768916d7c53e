"""Names of weights in checkpoints: keys that lead to them and wrappers are taken off, and told."""

import pytest

from lus_keras.models.pretrained.torch_names import match_names

KNOWN = ("features.0.weight", "features.0.bias", "fc.weight")


@pytest.mark.parametrize(
    ("pattern", "taken_off"),
    [
        ("{}", []),
        ("module.{}", ["module."]),
        ("_orig_mod.{}", ["_orig_mod."]),
        ("_orig_mod.module.{}", ["_orig_mod.", "module."]),
        ("backbone.{}", ["backbone."]),
        ("model_state_dict/{}", ["model_state_dict/"]),
        ("checkpoint/model/module.net.{}", ["module.", "checkpoint/model/net."]),
    ],
)
def test_what_stands_before_all_names_is_taken_off(pattern, taken_off):
    given = [pattern.format(name) for name in KNOWN]
    names = match_names(given, KNOWN)
    assert names.ours == dict(zip(given, KNOWN, strict=True))
    assert names.taken_off == taken_off
    assert names.twice == []


def test_a_wrapper_may_stand_within_a_name():
    names = match_names(["features.module.0.weight", "features.module.0.bias"], KNOWN)
    assert list(names.ours.values()) == ["features.0.weight", "features.0.bias"]
    # A longer word that ends as a wrapper does is none.
    assert match_names(["submodule.0.weight"], KNOWN).ours == {
        "submodule.0.weight": "submodule.0.weight"
    }


def test_of_two_sets_of_weights_the_larger_counts_and_the_other_stays_out():
    given = [*(f"ema/{name}" for name in KNOWN[:2]), *(f"model/{name}" for name in KNOWN)]
    names = match_names(given, KNOWN)
    assert [names.ours[name] for name in given[2:]] == list(KNOWN)
    assert [names.ours[name] for name in given[:2]] == given[:2]


def test_one_name_of_the_network_given_twice_is_told():
    names = match_names(["module.fc.weight", "fc.weight"], KNOWN)
    assert names.twice == ["fc.weight"]
