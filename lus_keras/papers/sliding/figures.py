"""Figures 2 to 5 of the lung-sliding paper, and the shared ones of every data set."""

from dataclasses import replace
from functools import partial

from lus_keras.evaluation import plots
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.evaluation.tables.drawings import Maker, classification_drawings
from lus_keras.evaluation.tables.judge import only
from lus_keras.evaluation.tables.studies import beyond_figure, learning_figure
from lus_keras.papers.robustness import robustness_figure
from lus_keras.papers.sliding import BASE, DATA_SETS, EXPLAINED, SlidingOptions
from lus_keras.papers.sliding.pictures import figure2, figure3
from lus_keras.papers.sliding.tables import BEYOND, LABELS, LEARNING, VARIANTS, class_counts

CLASSES = ("absent", "present")
METHOD_NAMES = {
    "vanilla": "saliency",
    "smooth": "SmoothGrad",
    "grad-cam": "Grad-CAM",
    "integrated": "integrated gradients",
}
ENGINE_NAMES = {"fast": "fast (follows tf-keras-vis)"}


def figure5(run: PaperRun) -> Drawing | None:
    """Figure 5: frames of a tile with sliding, and maps beneath, evenly apart in time.

    Saliency and SmoothGrad are the paper's rows; Grad-CAM and integrated gradients are ours.

    None if no network was explained.
    """
    maps = run.model(EXPLAINED).explanations
    if maps is None:
        return None
    options = SlidingOptions.model_validate(run.settings.options)
    step, count = options.step, options.frames
    frames = maps["frames"][0]
    shown = list(range(0, len(frames), step))[:count]
    methods = {label: maps[method][0] for method, label in METHOD_NAMES.items() if method in maps}
    engine, order = str(maps.get("engine", "fast")), str(maps.get("order", "mean_abs"))
    explained = str(maps.get("explained", "predicted"))
    how = "mean of absolute gradients" if order == "mean_abs" else "absolute mean gradient"
    return Drawing(
        "figure5",
        "Figure 5. Saliency maps of a test tile",
        f"Test tile {maps['clip_id'][0]}, the first of those with sliding; frames {step} apart. "
        f"First row: input; then {', '.join(methods)}. Saliency and SmoothGrad ({how}) by the "
        f"engine {ENGINE_NAMES.get(engine, engine)}; explained class: {explained}. Each map is "
        "scaled to the 99.5th percentile of its values over the clip.",
        plots.map_sheet(frames, methods, shown),
        frames=True,
    )


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: bars of the classes in the six data sets, ours and published.

    None if no data set was prepared.
    """
    ours = {
        variant: class_counts(run, variant) for variant in DATA_SETS if class_counts(run, variant)
    }
    if not ours:
        return None
    published = {
        variant: {name: run.published_value("figure4", variant, name) or 0 for name in CLASSES}
        for variant in ours
    }
    return Drawing(
        "figure4",
        "Figure 4. Class balance of the data sets",
        "Solid: the data in use; outlined: the paper's.",
        plots.class_bars(ours, published, CLASSES),
    )


def _of_variant(draw: Maker, name: str, variant: str, run: PaperRun) -> Drawing | None:
    drawing = draw(only(run, variant=variant))
    if drawing is None:
        return None
    return replace(drawing, id=f"{name}_{variant}", title=f"{drawing.title}, {VARIANTS[variant]}")


FIGURES: dict[str, Maker] = {
    "figure2": figure2,
    "figure3": figure3,
    "figure4": figure4,
    "figure5": figure5,
    "beyond": beyond_figure(BEYOND),
    "learning_curve": learning_figure(LEARNING),
    "robustness": robustness_figure(BEYOND, BASE),
    **{
        f"{name}_{variant}": partial(_of_variant, draw, name, variant)
        for variant in sorted(VARIANTS, key=lambda variant: variant == "mmode")
        for name, draw in classification_drawings(LABELS, CLASSES).items()
    },
}
