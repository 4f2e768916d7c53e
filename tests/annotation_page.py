"""What a person does with a page of `data annotate`, and what tests do with what was saved."""

import json
import time

from click.testing import CliRunner

from lus_keras.cli import main


def invoke(*arguments):
    """Output of a command, which must succeed."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception!r}"
    return done.output


def press(page, *keys, times=1, shift=False):
    """Presses keys one after the other, `times` over."""
    for _ in range(times):
        for key in keys:
            page.press(key, shift=shift)


def drag_box(page, box):
    """Drags a box (x, y, w, h), in pixels of the file, over the picture."""
    left, top, scale = page.evaluate(
        "(() => { const b = document.getElementById('picture').getBoundingClientRect();"
        "return [b.left, b.top, b.width / video().width]; })()"
    )
    x, y, w, h = box
    corners = [(x, y), (x + w / 2, y + h / 2), (x + w, y + h)]
    page.drag([(left + u * scale, top + v * scale) for u, v in corners])


def save(page, path):
    """Saves by keyboard and waits for the download.

    Returns:
        The videos of the JSON.
    """
    press(page, "s")
    deadline = time.monotonic() + 60
    while not path.is_file():
        assert time.monotonic() < deadline, "nothing was saved"
        time.sleep(0.1)
    return json.loads(path.read_text())["videos"]


def cells_of_table_2(manifest, out):
    """Trains C2D+LSTM+A at `smoke` and gives its cells of Table 2."""
    invoke(
        *("reproduce", "bline/table2", "--data", manifest, "--preset", "smoke"),
        *("--model", "c2d_lstm_a", "--out", out),
    )
    cells = json.loads((out / "report" / "results.json").read_text())["rows"]
    return [cell for cell in cells if (cell["table"], cell["row"]) == ("table2", "c2d_lstm_a")]
