"""The simulated sliding cohort: linear geometry, truth, and what one frame must not tell."""

import csv
import dataclasses
import itertools
import json

import cv2
import numpy as np
import pytest
from ranks import rank_auc

from lus_keras.core.errors import ConfigError
from lus_keras.data.manifest import read_manifest
from lus_keras.simulation import anatomy, measure_truth, plan_cohort, simulate_video, write_cohort
from lus_keras.simulation.display import overlay
from lus_keras.simulation.export import container_of
from lus_keras.simulation.geometry import Acquisition, scan_map
from lus_keras.simulation.linear import LinearPatientParameters, LinearVideoParameters
from lus_keras.simulation.motion import draw_motion
from lus_keras.simulation.parameters import PatientParameters
from lus_keras.simulation.pleura import SlidingTruth, pleural_region, widest_window
from lus_keras.simulation.scene import build_scene

OTHER = {"sliding": "no_sliding", "no_sliding": "sliding"}
SMALL = {"height": 240, "width": 320}
PATIENTS = 120
# Tiles start just above the line.
TILE, STEP = 48, 5


def with_other_class(plan):
    return dataclasses.replace(plan, drawn=OTHER[plan.drawn])


def auc_error(labels):
    """Standard error of the AUC of scores that know nothing (Mann-Whitney)."""
    positives, n = labels.sum(), len(labels)
    return np.sqrt((n + 1) / (12 * positives * (n - positives)))


def held_out_scores(features, labels, folds=5, penalty=10.0):
    """Out-of-fold scores of a ridge-penalized logistic model; rows `(n, d)` are patients."""
    scores = np.empty(len(labels))
    for fold in range(folds):
        test = np.arange(len(labels)) % folds == fold
        mean, sd = features[~test].mean(0), features[~test].std(0) + 1e-9
        x = np.column_stack([np.ones(len(labels)), (features - mean) / sd])
        weights = np.zeros(x.shape[1])
        ridge = penalty * np.diag([0.0] + [1.0] * features.shape[1])
        for _ in range(12):
            p = 1 / (1 + np.exp(-x[~test] @ weights))
            gradient = x[~test].T @ (p - labels[~test]) + ridge @ weights
            curvature = (x[~test] * (p * (1 - p))[:, None]).T @ x[~test] + ridge
            weights -= np.linalg.solve(curvature, gradient)
        # Centerd by fold: scores are compared across folds of different priors.
        scores[test] = x[test] @ weights - np.median(x[~test] @ weights)
    return scores


def texture(image):
    """Mean, spread and gradients of four strips of one tile `(48, 48)`."""
    strips = (image[a:b].astype(float) for a, b in ((0, 10), (10, 16), (16, 32), (32, 48)))
    return [
        value
        for q in strips
        for value in (
            *(q.mean(), q.std()),
            *(np.abs(np.diff(q, axis=axis)).mean() for axis in (0, 1)),
        )
    ]


def change(tile):
    """Frame-to-frame change under the line, relative to the contrast there, `(t, 48, 48)`."""
    deep = tile[:, 12:].astype(float)
    return np.abs(np.diff(deep, axis=0)).mean() / (deep.std((1, 2)).mean() + 1)


@pytest.fixture(scope="module")
def cohort():
    """One 2 s video a patient: labels, paths, texture of one frame, change in time."""
    labels, paths, textures, changes = [], [], [], []
    for plan in plan_cohort(
        "sliding", patients=PATIENTS, videos=PATIENTS, seed=3, duration_s=2.0, fps=15
    ):
        video = simulate_video(plan, **SMALL)
        x, y, w, _ = video.roi
        left = min(max(x + w // 2 - TILE // 2, 0), SMALL["width"] - TILE)
        tile = video.frames[:, y : y + TILE, left : left + TILE]
        labels.append(video.truth.sliding)
        paths.append(video.truth.path_mm)
        textures.append(np.mean([texture(image) for image in tile[::STEP]], axis=0))
        changes.append(change(tile))
    return tuple(np.array(column) for column in (labels, paths, textures, changes))


@pytest.fixture(scope="module")
def plans():
    return plan_cohort("sliding", patients=6, videos=12, seed=2, duration_s=0.5)


@pytest.fixture
def acquisition(plans):
    return Acquisition.of(plans[0], 192, 256)


def test_default_cohort_has_the_papers_size():
    """28 of 48 patients slide, and 48 videos hold 163 clips of 2 s, whatever the seed."""
    for seed in range(5):
        plans = plan_cohort("sliding", seed=seed)
        assert len(plans) == len({plan.patient_id for plan in plans}) == 48
        assert sum(plan.drawn == "sliding" for plan in plans) == 28
        assert sum(plan.frames // round(2 * plan.fps) for plan in plans) == 163
        assert {plan.probe for plan in plans} == {"linear"}
        assert {(plan.height, plan.width) for plan in plans} == {(480, 640), (480, 854)}
        assert {plan.fps for plan in plans} == {30, 54}


def test_sliding_scanner_and_format_belong_to_the_patient():
    plans = plan_cohort("sliding", patients=12, videos=60, seed=1)
    for patient in range(12):
        own = [plan for plan in plans if plan.patient == patient]
        assert len({(plan.drawn, plan.fps, plan.width) for plan in own}) == 1


@pytest.mark.parametrize("patients", [2, 3, 10])
def test_both_classes_occur_in_small_cohorts(patients):
    for seed in range(10):
        plans = plan_cohort("sliding", patients=patients, videos=patients, seed=seed)
        assert {plan.drawn for plan in plans} == {"sliding", "no_sliding"}


def test_unknown_probes_are_refused():
    with pytest.raises(ConfigError, match="`probe` must be one of"):
        plan_cohort("sliding", probe="phased")


def test_equal_plans_give_equal_pixels_and_other_patients_differ(plans):
    first, again = (simulate_video(plans[0], **SMALL) for _ in range(2))
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.truth.lung_mm, again.truth.lung_mm)
    other = simulate_video(dataclasses.replace(plans[0], patient=99), **SMALL)
    assert np.abs(first.frames[0].astype(float) - other.frames[0]).mean() > 2


def test_frames_have_the_scanners_size_unless_told(plans):
    for width in (640, 854):
        plan = next(plan for plan in plans if plan.width == width)
        plan = dataclasses.replace(plan, duration_s=0.1)
        assert simulate_video(plan).frames.shape[1:] == (480, width)
        assert simulate_video(plan, **SMALL).frames.shape[1:] == (240, 320)


def test_linear_parameters_stay_in_their_ranges():
    plans = plan_cohort("sliding", patients=200, videos=200, seed=0)
    drawn = [Acquisition.of(plan, 96, 128) for plan in plans]
    assert all(isinstance(a.patient, LinearPatientParameters) for a in drawn)
    assert all(isinstance(a.video, LinearVideoParameters) for a in drawn)
    assert all(36 <= 2 * a.half_width_mm <= 50 for a in drawn)
    assert all(38 <= a.patient.depth_mm <= 62 for a in drawn)
    assert all(7 <= a.pleura_mm <= 0.42 * a.depth_mm + 1e-9 for a in drawn)
    assert 0.2 < np.mean([not a.video.shows_ribs for a in drawn]) < 0.4


def test_both_probes_can_show_sliding():
    plan = plan_cohort("sliding", patients=2, videos=2, probe="convex", duration_s=0.1)[0]
    assert type(Acquisition.of(plan, 96, 128).patient) is PatientParameters
    video = simulate_video(plan, **SMALL)
    x, y, w, h = video.roi
    assert 0 <= x < x + w <= 320
    assert 0 <= y < y + h <= 240
    assert video.frames[:, y : y + h, x : x + w].mean() > 1


@pytest.mark.parametrize("crop", ["screen", "sector"])
def test_linear_image_is_a_rectangle_with_parallel_beams(acquisition, crop):
    """A beam is one column, and the sector fills its box but for a pixel at the edge."""
    scan = scan_map(acquisition, 480, 640, crop)
    x, y, w, h = scan.roi
    full = scan.apply(np.full(acquisition.shape, 255, np.uint8))
    assert (full[y + 2 : y + h - 2, x + 2 : x + w - 2] > 250).all()
    full[y - 2 * (y > 1) : y + h + 2, max(x - 2, 0) : x + w + 2] = 0
    assert not full.any()
    beams = np.zeros(acquisition.shape, np.uint8)
    beams[:, 60] = 255
    lit = scan.apply(beams)[y + 2 : y + h - 2].argmax(1)
    assert np.ptp(lit) <= 1
    assert (lit[0] - x) / w == pytest.approx(60 / 191, abs=0.01)


@pytest.mark.parametrize("probe", ["linear", "convex"])
def test_a_point_is_shown_where_geometry_says(probe):
    """`pixels` of `point` inverts the look-up that renders the image."""
    plan = plan_cohort("sliding", patients=1, videos=1, probe=probe)[0]
    acquisition = Acquisition.of(plan, 192, 256)
    scan = scan_map(acquisition, 480, 640, "screen")
    row = round(acquisition.pleura_mm / acquisition.row_mm)
    lines = np.zeros(acquisition.shape, np.uint8)
    lines[row - 1 : row + 2] = 200
    image = cv2.GaussianBlur(scan.apply(lines), (1, 9), 2).astype(int)
    lateral = np.linspace(-0.8, 0.8, 9) * acquisition.probe.half
    depth = row * acquisition.row_mm * acquisition.relative_pleura(lateral)
    for x, y in zip(*scan.pixels(*acquisition.probe.point(lateral, depth)), strict=True):
        assert image[:, round(x)].argmax() == pytest.approx(y, abs=1.5)


def test_the_bright_line_is_where_the_truth_says(plans):
    """In the space that is marked, without motion, the line stands out of its surroundings."""
    for plan in plans[:6]:
        acquisition = Acquisition.of(plan, 192, 256)
        scan, wall = (
            scan_map(acquisition, 480, 640, "screen"),
            anatomy.pleural_line(acquisition),
        )
        bright = np.repeat((255 * wall).astype(np.uint8), acquisition.beams, axis=1)
        left, right = widest_window(acquisition)
        lateral = np.array([(left + right) / 2]) * acquisition.probe.half
        depth = acquisition.pleura_mm * acquisition.relative_pleura(lateral)
        (x,), (y,) = scan.pixels(*acquisition.probe.point(lateral, depth))
        assert scan.apply(bright)[:, round(x)].argmax() == pytest.approx(y, abs=3)
        box_x, box_y, box_w, box_h = pleural_region(acquisition, scan)
        assert box_x <= x <= box_x + box_w
        assert box_y < y < box_y + box_h / 3


def test_the_region_lies_in_the_sector_and_holds_a_tile():
    """Crops of 90 px fit at 480 rows, also after 854 columns have been squeezed into 640."""
    for plan in plan_cohort("sliding", patients=60, videos=60, seed=5):
        acquisition = Acquisition.of(plan, 96, 128)
        scan = scan_map(acquisition, plan.height, plan.width, "screen")
        (x, y, w, h), (sx, sy, sw, sh) = pleural_region(acquisition, scan), scan.roi
        assert sx <= x <= x + w <= sx + sw
        assert sy <= y <= y + h <= sy + sh
        assert w * 640 / plan.width >= 89
        assert h >= 180


def test_intercostal_views_show_no_ribs(acquisition):
    video = dataclasses.replace(acquisition.video, along_ribs=1.0)
    between = dataclasses.replace(acquisition, video=video)
    assert anatomy.rib_centers(between).size == 0
    window = anatomy.acoustic_window(between, between.lateral_mm)
    np.testing.assert_array_equal(window, np.ones(between.beams))


def test_path_by_hand():
    """0 → 1 → 3 → 2 mm: 4 mm in all, 3 mm until the third frame."""
    truth = SlidingTruth(True, np.array([0.0, 1.0, 3.0, 2.0]), fps=30.0)
    assert truth.path_mm == 4
    assert [row[0] for row in truth.rows()] == [0, 1, 2, 3]
    assert [row[-1] for row in truth.rows()] == ["0.0000", "1.0000", "3.0000", "4.0000"]


def test_absent_sliding_leaves_the_pulse():
    """A lung that rests stays within the pulse's 0.8 mm; one that slides leaves it."""
    for plan in plan_cohort("sliding", patients=30, videos=30, seed=6, duration_s=8.0):
        truth, other = measure_truth(plan), measure_truth(with_other_class(plan))
        truth, other = (truth, other) if plan.drawn == "sliding" else (other, truth)
        assert (truth.sliding, other.sliding) == (True, False)
        assert np.ptp(other.lung_mm) <= 0.8
        assert np.ptp(truth.lung_mm) > 1.5
        assert truth.path_mm > other.path_mm


def test_the_class_changes_the_path_of_the_lung_and_nothing_else(plans):
    """Wall, lung texture, noise, gain and array sizes are the same bits."""
    shared = ("wall", "window", "reverberation", "lung", "noise", "gain", "contact")
    for plan in plans:
        scene, other = (build_scene(p, 48, 64) for p in (plan, with_other_class(plan)))
        for name in shared:
            np.testing.assert_array_equal(getattr(scene, name), getattr(other, name), err_msg=name)
        for name in ("breathing", "wall_mm", "stretch", "lung_range_mm"):
            one, two = getattr(scene.motion, name), getattr(other.motion, name)
            np.testing.assert_array_equal(one, two, err_msg=name)
        np.testing.assert_array_equal(scene.artifacts.position_mm, other.artifacts.position_mm)
        assert np.abs(scene.motion.lung_mm - other.motion.lung_mm).max() > 0


def test_the_lungs_texture_reaches_beyond_all_that_is_seen():
    """Also at rest no beam sees a border, where noise is reflected."""
    for plan in plan_cohort("sliding", patients=20, videos=20, seed=6):
        scene = build_scene(plan, 96, 128)
        beams, margin_mm = scene.acquisition.beams, 3 * scene.acquisition.lateral_psf_mm
        margin = margin_mm / scene.acquisition.beam_mm
        assert scene.lung_column.min() >= margin
        assert scene.lung_column.max() + beams + margin <= scene.lung.shape[1]


def test_z_lines_in_a_frame_are_as_many_at_rest_as_when_sliding():
    """Lines in plane per frame agree within 20 %: the slip does not carry them off."""
    seen = {"sliding": 0.0, "no_sliding": 0.0}
    for plan in plan_cohort("sliding", patients=150, videos=150, seed=9, duration_s=2.0, fps=5):
        for each in (plan, with_other_class(plan)):
            scene = build_scene(each, 16, 16)
            seen[each.drawn] += (scene.artifacts.visibility > 0.5).sum(0).mean()
    assert seen["sliding"] == pytest.approx(seen["no_sliding"], rel=0.2)


def test_one_frame_tells_nothing_of_the_class(cohort):
    """Texture of single frames, patients disjoint: AUC within .5 ± 2 standard errors."""
    labels, _, textures, _ = cohort
    auc = rank_auc(labels, held_out_scores(textures, labels))
    assert abs(auc - 0.5) <= 2 * auc_error(labels)


def test_without_persistence_frames_of_both_classes_are_alike(monkeypatch):
    """The same videos with either class: no texture feature differs by 4 standard errors."""
    draw = Acquisition.of.__func__

    def without_persistence(cls, plan, beams, rows):
        drawn = draw(cls, plan, beams, rows)
        patient = dataclasses.replace(drawn.patient, persistence=0.0)
        return dataclasses.replace(drawn, patient=patient)

    monkeypatch.setattr(Acquisition, "of", classmethod(without_persistence))
    differences = []
    for plan in plan_cohort("sliding", patients=80, videos=80, seed=21, duration_s=0.3, fps=10):
        videos = [simulate_video(p, **SMALL) for p in (plan, with_other_class(plan))]
        x, y, w, _ = videos[0].roi
        left = min(max(x + w // 2 - TILE // 2, 0), SMALL["width"] - TILE)
        one, two = (texture(v.frames[2, y : y + TILE, left : left + TILE]) for v in videos)
        differences.append((np.array(one) - two) * (1 if plan.drawn == "sliding" else -1))
    error = np.std(differences, axis=0) / np.sqrt(len(differences))
    assert np.abs(np.mean(differences, axis=0) / error).max() < 4


def test_change_in_time_tells_the_classes_apart(cohort):
    labels, _, _, changes = cohort
    assert rank_auc(labels, changes) >= 0.65


def test_more_sliding_is_seen_better(cohort):
    """AUC against all absent videos rises over the terciles of the path."""
    labels, paths, _, changes = cohort
    limits = np.quantile(paths[labels], [0, 1 / 3, 2 / 3, 1])
    aucs = []
    for low, high in itertools.pairwise(limits):
        chosen = ~labels | ((paths >= low) & (paths <= high))
        aucs.append(rank_auc(labels[chosen], changes[chosen]))
    assert aucs[0] <= aucs[1] + 0.03 <= aucs[2] + 0.06
    assert aucs[2] - aucs[0] >= 0.05


def test_chest_wall_and_probe_move_in_both_classes():
    moved = {"sliding": [], "no_sliding": []}
    for plan in plan_cohort("sliding", patients=60, videos=60, seed=4, duration_s=2.0, fps=10):
        motion = draw_motion(Acquisition.of(plan, 96, 128))
        moved[plan.drawn].append(np.abs(np.diff(motion.wall_mm)).sum())
    for paths in moved.values():
        assert np.mean(np.array(paths) > 0.5) > 0.6


def test_files_and_display_tell_nothing_of_the_class(plans):
    for plan in plans:
        other = with_other_class(plan)
        assert plan.frames == other.frames
        assert container_of(plan) == container_of(other)
        texts = [overlay(Acquisition.of(p, 96, 128), 480, 640) for p in (plan, other)]
        np.testing.assert_array_equal(*texts)


@pytest.mark.parametrize("trait", ["container", "annotations", "rate", "size", "length", "zone"])
def test_traits_are_independent_of_the_class(trait):
    """χ² of a 2×2 table over patients stays under 6.63 (p > .01)."""
    values = {
        "container": lambda plan: container_of(plan)[0] == ".avi",
        "annotations": lambda plan: Acquisition.of(plan, 96, 128).patient.has_annotations > 0,
        "rate": lambda plan: plan.fps > 40,
        "size": lambda plan: plan.width > 640,
        "length": lambda plan: plan.duration_s > 7.75,
        "zone": lambda plan: int(plan.zone) <= 6,
    }
    table = np.zeros((2, 2))
    for plan in plan_cohort("sliding", patients=480, videos=480, seed=0):
        table[int(plan.drawn == "sliding"), int(values[trait](plan))] += 1
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 6.63


def test_cohort_as_files(tmp_path):
    """The manifest holds label and pleural region, the truth table the lung's path."""
    settings = {"patients": 3, "videos": 4, "seed": 1, "duration_s": 0.3}
    manifest = write_cohort("sliding", tmp_path, **settings)
    videos = read_manifest(manifest, labels=["sliding"])
    for video, plan in zip(videos, plan_cohort("sliding", **settings), strict=True):
        simulated = simulate_video(plan)
        assert video.sliding == int(plan.drawn == "sliding")
        assert (video.roi, video.fps) == (simulated.roi, plan.fps)
        assert video.b_lines is None
        path = tmp_path / "truth" / f"{video.video_id}.csv"
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == plan.frames
        assert float(rows[-1]["path_mm"]) == pytest.approx(simulated.truth.path_mm, abs=1e-3)
    described = json.loads((tmp_path / "cohort.json").read_text())
    assert (described["task"], described["probe"]) == ("sliding", "linear")
    assert (described["fps"], described["height"], described["duration_s"]) == (None, None, 0.3)
