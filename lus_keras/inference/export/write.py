"""Exports networks: written to a temporary folder, checked, then moved into place."""

import os
from pathlib import Path

from lus_keras.core.environment import require_tensorflow
from lus_keras.core.errors import RunError
from lus_keras.core.files import (
    replaced_folder,
    sha256_of,
    write_file,
    write_json,
)
from lus_keras.inference.checks import CONTRACT, check_export_folder, check_format
from lus_keras.inference.export import preprocess
from lus_keras.inference.export.card import contract, model_card
from lus_keras.inference.export.check import check_export
from lus_keras.inference.export.formats import write_format
from lus_keras.inference.predict import Ensemble

CARD = "model_card.md"


def export_models(
    models: Ensemble, out: str | os.PathLike[str], *, format: str = "saved_model"
) -> tuple[list[Path], dict[str, float]]:
    """Exports the folds of a network as one model.

    Args:
        models: Networks from `load_models`.
        out: Folder to create; an earlier export in it is replaced.
        format: "saved_model", "onnx", or "keras", which takes scaled inputs and needs this package.

    Returns:
        Files written, and the largest differences found by `check_export`, by output.

    Raises:
        ConfigError: The format is unknown or its packages are missing, or `out` contains other
            files.
        RunError: The export's outputs differ from those of the networks; it is removed.
    """
    check_format(format)
    require_tensorflow("export needs")
    out = Path(os.path.normpath(Path(out).absolute()))
    check_export_folder(out)
    try:
        with replaced_folder(out) as unfinished:
            write_format(format, models, unfinished)
            differences = check_export(format, models, unfinished)
            _describe(models, unfinished, format, differences)
    except RunError as error:
        raise RunError(f"{out}: {error}") from error
    return sorted(path for path in out.rglob("*") if path.is_file()), differences


def _describe(models: Ensemble, folder: Path, format: str, differences: dict[str, float]) -> None:
    (folder / preprocess.FILE).write_text(preprocess.source(), "utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    said = contract(models, format, differences, hashes)
    said["preprocessing"] = preprocess.preprocessing(models)
    write_json(folder / CONTRACT, said, ascii=False)
    write_file(folder / CARD, model_card(models, said))
