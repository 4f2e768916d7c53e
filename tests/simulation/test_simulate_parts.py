"""The simulator's parts, each against what can be worked out by hand."""

import dataclasses
import re

import numpy as np
import pytest

from lus_keras.data.clips import frames_in_segments
from lus_keras.simulation import anatomy, display, plan_cohort, segments_from_frames
from lus_keras.simulation.artefacts import VerticalArtifacts, elevational_visibility
from lus_keras.simulation.finding_parameters import (
    BlobParameters,
    DefectParameters,
    EffusionParameters,
    HepatisationParameters,
    WhiteAreaParameters,
)
from lus_keras.simulation.geometry import Acquisition, scan_map
from lus_keras.simulation.motion import breathing_curve, draw_motion
from lus_keras.simulation.parameters import (
    Chance,
    ContactParameters,
    Normal,
    PatientParameters,
    TrapParameters,
    Uniform,
    VideoParameters,
    ZLineParameters,
    distribution_of,
    draw_many,
    draw_parameters,
    random_stream,
)
from lus_keras.simulation.render import grid_for, render_size
from lus_keras.simulation.scene import build_scene, lung_coordinates
from lus_keras.simulation.texture import (
    from_db,
    ornstein_uhlenbeck,
    smooth_field,
    smooth_profile,
    soft_step,
    speckle,
)
from lus_keras.simulation.truth import MIN_CONTRAST_DB, measure_contrast, runs, without_short_runs

TABLES = (
    *(PatientParameters, VideoParameters, TrapParameters, ZLineParameters, ContactParameters),
    *(WhiteAreaParameters, BlobParameters, DefectParameters),
    *(EffusionParameters, HepatisationParameters),
)


@pytest.fixture
def acquisition():
    plan = plan_cohort("bline", patients=2, videos=4, seed=3)[0]
    return Acquisition.of(plan, 96, 128)


def changed(acquisition, *, patient=(), video=(), **others):
    """The same acquisition with some parameters set."""
    return dataclasses.replace(
        acquisition,
        patient=dataclasses.replace(acquisition.patient, **dict(patient)),
        video=dataclasses.replace(acquisition.video, **dict(video)),
        **others,
    )


def one_line(**values):
    """A single artifact at place 0 with power 1 at the pleura and no decay."""
    line = {
        "kind": ("b_line",),
        "position_mm": np.zeros(1),
        "width_mm": np.ones(1),
        "gain_db": np.zeros(1),
        "slope_db_cm": np.zeros(1),
        "reach_mm": np.full(1, np.inf),
        "visibility": np.ones((1, 3)),
    }
    return VerticalArtifacts(**{**line, **values})


def test_streams_depend_on_key_and_name_only():
    first = random_stream((1, 2), "wall").random(3)
    np.testing.assert_array_equal(first, random_stream((1, 2), "wall").random(3))
    for key, name in (((1, 3), "wall"), ((2, 2), "wall"), ((1, 2), "lung")):
        assert not np.isclose(first, random_stream(key, name).random(3)).any()


@pytest.mark.parametrize("table", TABLES)
def test_every_parameter_has_unit_meaning_and_stays_in_range(table):
    drawn = draw_many(table, (0, 1), 400)
    for parameter in dataclasses.fields(table):
        assert parameter.metadata["unit"], parameter.name
        assert parameter.metadata["meaning"], parameter.name
        distribution, values = distribution_of(parameter), drawn[parameter.name]
        if isinstance(distribution, Uniform):
            low, high = distribution.low, distribution.high
            assert low <= values.min() < low + 0.1 * (high - low)
            assert high >= values.max() > high - 0.1 * (high - low)
        elif isinstance(distribution, Normal):
            assert distribution.low <= values.min() <= values.max() <= distribution.high
        else:
            assert isinstance(distribution, Chance)
            assert set(values) == {0.0, 1.0}
            assert abs(values.mean() - distribution.probability) < 0.1


def test_more_objects_leave_the_first_ones_as_they_were():
    two, five = (draw_many(TrapParameters, (0, 1), n) for n in (2, 5))
    for name, values in two.items():
        np.testing.assert_array_equal(values, five[name][:2])


def test_a_parameter_does_not_depend_on_its_neighbors_in_the_table():
    @dataclasses.dataclass(frozen=True)
    class Shorter:
        gamma: float = dataclasses.field(
            metadata=PatientParameters.__dataclass_fields__["gamma"].metadata
        )

    Shorter.__name__ = "PatientParameters"
    assert (
        draw_parameters(Shorter, (7, 1)).gamma == draw_parameters(PatientParameters, (7, 1)).gamma
    )


def test_pleura_deepens_with_bmi():
    """BMI 28 and no offset: 12 + 0.55 * 10 = 17.5 mm."""
    patient = draw_parameters(PatientParameters, (0, 1))
    patient = dataclasses.replace(patient, bmi=28.0, pleura_offset_mm=0.0)
    assert patient.pleura_depth_mm == pytest.approx(17.5)


def test_decibels():
    np.testing.assert_allclose(from_db(np.array([-10, 0, 20])), [0.1, 1, 100], rtol=1e-6)


def test_soft_step_is_bounded_without_overflow():
    np.testing.assert_allclose(soft_step(np.array([-1e9, 0, np.inf])), [0, 0.5, 1], atol=1e-9)


def test_speckle_is_fully_developed():
    """Exponential power: mean 1, and contrast (SD / mean) 1."""
    power = speckle(np.random.default_rng(0), (400, 400), 0.6, 1.0)
    assert power.min() >= 0
    assert power.mean() == pytest.approx(1, abs=1e-4)
    assert power.std() == pytest.approx(1, abs=0.05)
    assert np.mean(power > 1) == pytest.approx(np.exp(-1), abs=0.01)


def test_smooth_field_has_the_asked_correlation():
    """White noise blurred with SD s has autocorrelation exp(-d² / 4s²): 0.37 at d = 2s."""
    field = smooth_field(np.random.default_rng(1), (300, 300), 2.0, 5.0)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert np.mean(field[:, 10:] * field[:, :-10]) == pytest.approx(np.exp(-1), abs=0.07)
    assert np.mean(field[4:] * field[:-4]) == pytest.approx(np.exp(-1), abs=0.07)


def test_smooth_profile_is_one_function_however_sampled():
    coarse, fine = np.linspace(-40, 40, 41), np.linspace(-40, 40, 81)
    of_coarse, of_fine = (smooth_profile(np.random.default_rng(2), x, 3.0) for x in (coarse, fine))
    np.testing.assert_allclose(of_fine[::2], of_coarse, atol=1e-6)


def test_ornstein_uhlenbeck_forgets_within_its_time_constant():
    path = ornstein_uhlenbeck(np.random.default_rng(3), 60000, 30, 0.5)
    assert path.std() == pytest.approx(1, abs=0.05)
    assert np.mean(path[15:] * path[:-15]) == pytest.approx(np.exp(-1), abs=0.06)


def test_breathing_starts_peaks_and_ends_where_it_should():
    """Inspiration is 0.4 of a breath: 0 at 0, 1 at 0.4, 0 again at 1; halves are 0.5 ** 1.3."""
    curve = breathing_curve(np.array([0, 0.2, 0.4, 0.7, 1.0, 1.4]), 0.4)
    np.testing.assert_allclose(curve, [0, 0.5**1.3, 1, 0.5**1.3, 0, 1], atol=1e-12)


def test_absent_sliding_changes_the_path_only(acquisition):
    acquisition = changed(acquisition, video={"has_pulse": 1.0, "pulse_mm": 0.5})
    slides, rests = draw_motion(acquisition), draw_motion(acquisition, slides=False)
    assert np.ptp(slides.lung_mm) > 2
    assert 0.3 < np.ptp(rests.lung_mm) <= 0.5
    assert slides.lung_range_mm == rests.lung_range_mm
    np.testing.assert_array_equal(slides.wall_mm, rests.wall_mm)
    np.testing.assert_array_equal(slides.stretch, rests.stretch)
    assert lung_coordinates(acquisition, slides).size == lung_coordinates(acquisition, rests).size


def test_the_lung_map_reaches_as_far_as_the_lung_slides():
    for plan in plan_cohort("bline", patients=10, videos=20, seed=6):
        scene = build_scene(plan, 48, 64)
        assert scene.lung_column.min() >= 0
        assert scene.lung_column.max() + scene.acquisition.beams + 1 <= scene.lung.shape[1]


def test_a_straight_pleura_is_straight(acquisition):
    """Curvature 1 without tilt: depth * cos(angle) is the same at every beam."""
    flat = changed(
        acquisition, video={"pleura_curvature": 1.0, "pleura_tilt": 0.0, "pleura_wiggle": 0.0}
    )
    angle = np.linspace(-0.4, 0.4, 9)
    depth = flat.pleura_mm * flat.relative_pleura(angle)
    level = (flat.patient.probe_radius_mm + depth) * np.cos(angle)
    np.testing.assert_allclose(level, flat.patient.probe_radius_mm + flat.pleura_mm, rtol=1e-9)
    place = angle / flat.half_angle * flat.half_width_mm
    # A beam meets a straight line at its own angle.
    np.testing.assert_allclose(
        np.abs(flat.incidence_deg(place)), np.rad2deg(np.abs(angle)), atol=0.1
    )


def test_the_pleura_that_follows_the_probe_is_hit_head_on(acquisition):
    round_ = changed(
        acquisition, video={"pleura_curvature": 0.0, "pleura_tilt": 0.0, "pleura_wiggle": 0.0}
    )
    np.testing.assert_allclose(round_.relative_pleura(np.linspace(-0.5, 0.5, 5)), 1)
    np.testing.assert_allclose(round_.incidence_deg(round_.lateral_mm), 0, atol=1e-9)
    np.testing.assert_allclose(anatomy.specular_loss_db(round_, round_.lateral_mm), 0, atol=1e-9)


@pytest.mark.parametrize("crop", ["screen", "sector"])
def test_scan_conversion_puts_a_beam_where_geometry_says(acquisition, crop):
    """The central beam runs down the middle; the sector's corners are black."""
    scan = scan_map(acquisition, 240, 320, crop)
    beams = np.zeros((acquisition.rows, acquisition.beams), np.uint8)
    beams[:, 46:50] = 200
    image = scan.apply(beams)
    x, y, w, h = scan.roi
    assert image[y + h // 2].argmax() == pytest.approx(160, abs=3)
    full = scan.apply(np.full_like(beams, 255))
    assert full[y + h // 2, 160] == 255
    assert full[y + h - 2, x + 1] == full[y + h - 2, x + w - 2] == 0
    assert full[y + int(0.98 * h), 160] == 255


def test_the_whole_sector_is_covered_to_the_bottom():
    for plan in plan_cohort("bline", patients=8, videos=8, seed=1):
        acquisition = Acquisition.of(plan, 96, 128)
        full = scan_map(acquisition, 200, 200, "sector").apply(np.full((128, 96), 255, np.uint8))
        radius, depth = acquisition.patient.probe_radius_mm, acquisition.depth_mm
        half = acquisition.half_angle
        area = half * ((radius + depth) ** 2 - radius**2)
        box = 2 * (radius + depth) * np.sin(half) * (radius + depth - radius * np.cos(half))
        assert (full > 127).mean() == pytest.approx(area / box, abs=0.02)


def test_ribs_shade_and_spaces_do_not(acquisition):
    acquisition = changed(acquisition, video={"rib_shadow_db": 20.0, "rib_edge_mm": 2.0})
    centers = anatomy.rib_centers(acquisition)
    np.testing.assert_allclose(anatomy.acoustic_window(acquisition, centers), 0.01, rtol=0.05)
    between = (centers[:-1] + centers[1:]) / 2
    assert (anatomy.acoustic_window(acquisition, between) > 0.95).all()


def test_a_lines_repeat_at_multiples_of_the_pleural_depth(acquisition):
    clear = changed(acquisition, video={"pleura_curvature": 0.0, "pleura_tilt": 0.0}, rows=512)
    wall = anatomy.chest_wall(clear)
    mean = anatomy.reverberation(clear, wall, 10.0).mean(1)
    for multiple in (2, 3):
        row = round(multiple * clear.pleura_mm / clear.row_mm)
        near = mean[row - 12 : row + 13]
        assert abs(int(near.argmax()) - 12) <= 1
    first = round(clear.pleura_mm / clear.row_mm)
    assert not mean[: first - 1].any()


def test_haze_falls_by_its_slope(acquisition):
    depth = acquisition.pleura_mm + np.array([0.0, 10.0, 30.0])
    slope = acquisition.video.haze_slope_db_cm
    fall = anatomy.haze_db(acquisition, depth) - acquisition.video.haze_db
    np.testing.assert_allclose(fall, [0, -slope, -3 * slope], atol=1e-5)


def test_elevational_visibility_is_gaussian():
    """At the plane 1; one SD away exp(-1/2)."""
    visible = elevational_visibility(np.array([-1.0]), np.array([2.0]), np.array([1.0, 3.0, -1.0]))
    np.testing.assert_allclose(visible, [[1, np.exp(-0.5), np.exp(-0.5)]])


def test_a_b_line_decays_by_its_slope_and_a_z_line_ends():
    line = one_line(gain_db=np.array([-10.0]), slope_db_cm=np.array([2.0]))
    np.testing.assert_allclose(line.decay(np.array([0.0, 50.0])), [[0.1, 0.01]], rtol=1e-5)
    short = one_line(reach_mm=np.array([20.0]))
    np.testing.assert_allclose(short.decay(np.array([5.0, 20.0, 50.0])), [[1, 0.5, 0]], atol=1e-4)


def test_a_b_line_moves_with_the_lung_and_erases_a_lines():
    """Three places of the lung; where visibility is 1 a seventh of the A-lines is left."""
    beams, lung = np.linspace(-10, 10, 21), np.array([-4.0, 0.0, 5.0])
    lateral = one_line().lateral(beams, lung, psf_mm=0.0)
    np.testing.assert_array_equal(beams[lateral[:, 0].argmax(1)], lung)
    np.testing.assert_allclose(one_line().erasure(lateral).min(1), 1 / 7, rtol=1e-6)
    z_line = one_line(kind=("z_line",))
    np.testing.assert_array_equal(z_line.erasure(lateral), np.ones((3, 21)))


def test_point_spread_widens_a_line():
    """SDs add as squares: 3 and 4 mm give 5 mm."""
    line = one_line(width_mm=np.array([3.0]))
    lateral = line.lateral(np.array([0.0, 5.0]), np.zeros(1), psf_mm=4.0)
    np.testing.assert_allclose(lateral[0, 0], [1, np.exp(-0.5)], rtol=1e-6)


def test_joined_artifacts_keep_their_order():
    joined = one_line().joined(one_line(kind=("z_line",), position_mm=np.ones(1)))
    assert joined.kind == ("b_line", "z_line")
    np.testing.assert_array_equal(joined.position_mm, [0, 1])
    np.testing.assert_array_equal(joined.is_trap, [True, False])
    assert joined.visibility.shape == (2, 3)


def scene_with(line, **video):
    """A scene on the truth's grid in which only `line` is seen, still and central."""
    plan = plan_cohort("bline", patients=1, videos=1, seed=5, duration_s=0.1)[0]
    scene = build_scene(plan, 96, 128)
    flat = np.zeros_like(scene.motion.lung_mm)
    motion = dataclasses.replace(scene.motion, lung_mm=flat, wall_mm=flat)
    acquisition = changed(
        scene.acquisition,
        patient={"dynamic_range_db": 100.0, "persistence": 0.0, "noise_floor_db": -40.0},
        video={"rib_phase": 0.5, "noise_jitter_db": 0.0, "noise_slope_db_cm": 0.0, **video},
    )
    return dataclasses.replace(
        scene,
        acquisition=acquisition,
        motion=motion,
        artifacts=line,
        wall=np.zeros_like(scene.wall),
        window=np.ones_like(scene.window),
        reverberation=np.zeros_like(scene.reverberation),
        gain=np.full_like(scene.gain, 50),
        contact=np.zeros_like(scene.contact),
    )


def test_contrast_is_echo_over_everything_else():
    """Noise -40 dB, no haze, line -40 dB: twice the power, 3.01 dB; at -30 dB 11 times, 10.41."""
    for gain_db, expected in ((-40.0, 10 * np.log10(2)), (-30.0, 10 * np.log10(11))):
        scene = scene_with(one_line(gain_db=np.array([gain_db])), haze_db=-200.0)
        contrast, position = measure_contrast(scene)
        np.testing.assert_allclose(contrast, expected, rtol=1e-3)
        np.testing.assert_array_equal(position, np.zeros_like(position))


def test_what_the_display_clips_is_not_seen():
    """With 30 dB less gain than it takes, noise and line are both black."""
    scene = scene_with(one_line(gain_db=np.array([-30.0])), haze_db=-200.0)
    dark = dataclasses.replace(scene, gain=np.full_like(scene.gain, 20))
    assert measure_contrast(dark)[0].max() == 0
    dimmed = dataclasses.replace(scene, contact=np.full_like(scene.contact, -30))
    assert measure_contrast(dimmed)[0].max() == 0


@pytest.mark.parametrize(
    "hidden",
    [
        {"position_mm": np.array([500.0])},
        {"visibility": np.full((1, 3), 1e-3)},
        {"reach_mm": np.array([10.0])},
    ],
    ids=["outside", "out of plane", "too short"],
)
def test_hidden_lines_have_no_contrast(hidden):
    line = one_line(gain_db=np.array([-30.0]))
    assert measure_contrast(scene_with(line))[0].min() > MIN_CONTRAST_DB
    shown = dataclasses.replace(line, **hidden)
    assert measure_contrast(scene_with(shown))[0].max() < 0.1


def test_contrast_behind_a_rib_is_what_the_shadow_leaves():
    """A line 10 dB over the noise, behind 20 dB of shadow: 10 log10(1.1) = 0.41 dB."""
    scene = scene_with(one_line(gain_db=np.array([-30.0])), haze_db=-200.0)
    shaded = dataclasses.replace(scene, window=np.full_like(scene.window, 0.01))
    np.testing.assert_allclose(measure_contrast(shaded)[0], 10 * np.log10(1.1), rtol=1e-3)


def test_lines_pushed_off_the_display_have_no_contrast():
    scene = scene_with(one_line(gain_db=np.array([0.0])))
    far = np.full(3, 2 * scene.acquisition.half_width_mm)
    pushed = dataclasses.replace(scene, motion=dataclasses.replace(scene.motion, wall_mm=far))
    contrast, position = measure_contrast(pushed)
    assert contrast.max() == 0
    assert np.isnan(position).all()


def test_runs_and_short_runs():
    mask = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1], bool)
    assert runs(mask) == [(0, 2), (3, 6), (8, 9)]
    assert runs(without_short_runs(mask, 3)) == [(3, 6)]
    assert runs(np.zeros(4, bool)) == []


def test_segments_by_hand():
    """At 10 fps, frames 0-1 and 3-5: half a frame early, clipped at 0."""
    mask = np.array([1, 1, 0, 1, 1, 1], bool)
    assert segments_from_frames(mask, 10) == ((0.0, 0.15), (0.25, 0.55))
    assert segments_from_frames(np.zeros(6, bool), 10) == ()


@pytest.mark.parametrize("fps", [1, 7, 24000 / 1001, 25, 29.97, 30, 54, 60, 240])
def test_segments_give_back_exactly_their_frames(fps):
    rng = np.random.default_rng(4)
    for _ in range(50):
        mask = rng.random(200) < rng.random()
        times = np.arange(200) / fps
        inside = np.zeros(200, bool)
        for start, end in segments_from_frames(mask, fps):
            assert 0 <= start < end
            inside |= (start <= times) & (times < end)
        np.testing.assert_array_equal(inside, mask)
        segments = segments_from_frames(mask, fps)
        np.testing.assert_array_equal(frames_in_segments(200, fps, segments), mask)


@pytest.mark.parametrize(
    ("size", "grid", "inner"),
    [
        ((480, 640), (192, 256), (480, 640)),
        ((224, 224), (192, 256), (224, 224)),
        ((128, 128), (96, 128), (128, 128)),
        ((64, 64), (96, 128), (128, 128)),
        ((48, 80), (96, 128), (144, 240)),
    ],
)
def test_grid_and_inner_size_follow_the_image(size, grid, inner):
    assert grid_for(*size) == grid
    assert render_size(*size) == inner


def test_every_large_display_says_it_is_simulated(acquisition):
    for has_annotations in (0.0, 1.0):
        shown = changed(acquisition, patient={"has_annotations": has_annotations})
        text = display.overlay(shown, 480, 640)
        assert text[460:, :100].any()
        assert text[:, 600:].any() == bool(has_annotations)
    assert not display.overlay(acquisition, 64, 64).any()


def test_gray_map_rises_to_the_white_level(acquisition):
    gray = display.gray_map(acquisition)
    assert gray[0] == 0
    assert gray[-1] == int(acquisition.patient.white_level)
    assert (np.diff(gray.astype(int)) >= 0).all()


def test_static_streaks_grow_more_frequent_with_difficulty():
    """P(streak) = .35 + .4 hard: .35 at 0, .75 at 1."""
    shares = []
    for difficulty in (0.0, 1.0):
        plans = plan_cohort("bline", patients=60, videos=200, difficulty=difficulty, duration_s=0.1)
        bright = []
        for plan in plans:
            acquisition = Acquisition.of(plan, 192, 64)
            bright.append(display.contact_gain(acquisition, draw_motion(acquisition)).max() > 0.5)
        shares.append(np.mean(bright))
    assert 0.15 < shares[0] < 0.45
    assert 0.5 < shares[1] < 0.8


def test_names_say_nothing_of_the_class():
    plans = plan_cohort("bline", patients=5, videos=20)
    assert all(re.fullmatch(r"sim-p\d{3}-e\d+-z\d\d", plan.video_id) for plan in plans)


@pytest.mark.parametrize("spread", [1.0, 2.0, 3.0])
def test_spread_widens_body_and_scanner_about_their_centers(spread):
    """A uniform value is `spread` times as far from its center; videos and cohort 1 stay as is."""
    usual, wide = (
        Acquisition.of(plan_cohort("bline", patients=2, videos=4, seed=3, spread=s)[0], 96, 128)
        for s in (1.0, spread)
    )
    for name, center in {"gamma": 1.35, "white_level": 187.5, "tgc_error_db_cm": 0.0}.items():
        ours, theirs = getattr(wide.patient, name), getattr(usual.patient, name)
        assert ours - center == pytest.approx(spread * (theirs - center)), name
    assert wide.video == usual.video
    assert wide.patient.has_annotations == usual.patient.has_annotations


def test_widened_ranges_of_positive_numbers_stay_positive():
    """3.5 … 5 at twice: 4.25 ± 1.5. 5 … 45 at three times begins at 5 / 3, not below 0."""
    assert Uniform(3.5, 5.0).widened(2) == Uniform(2.75, 5.75)
    assert Uniform(5.0, 45.0).widened(3) == Uniform(5 / 3, 85.0)
    for field in dataclasses.fields(PatientParameters):
        own, wide = distribution_of(field), distribution_of(field).widened(3)
        if isinstance(own, Uniform) and own.low >= 0:
            assert wide.low >= 0, field.name
