"""Progress of long work: live bars on a terminal, one line an epoch in a log."""

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from lus_keras.core.safe_text import printable


class Console(rich.console.Console):
    """A console whose terminal is steered by its own styles alone, and by no text that it shows."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Turns a text into one of rich, before its width is measured."""
        return super().render_str(printable(text), **options)

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        """Renders as rich does, with the characters that steer terminals made visible."""
        for segment in super().render(*args, **options):
            text = segment.text if segment.control else printable(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)


class Reporter:
    """Tells a person, or a log file, how far the work is.

    Args:
        console: Where to print; a terminal gets bars, anything else plain lines.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.live: Progress | None = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Reporter":
        if self.console.is_terminal:
            self.live = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()
            self.live = None

    def note(self, text: str) -> None:
        """Prints a line as it is."""
        self.console.print(text, markup=False)

    def advance(self, name: str, done: int, total: int, text: str = "") -> None:
        """Reports that `done` of `total` steps of a piece of work are finished.

        Args:
            name: The piece of work, such as `c2d_a fold 0`.
        """
        if not self.live:
            self.note(f"{name}  {done}/{total}  {text}".rstrip())
            return
        if name not in self._tasks:
            self._tasks[name] = self.live.add_task(name, total=total, text="")
        self.live.update(self._tasks[name], completed=done, text=text)
        if done >= total:
            self.live.remove_task(self._tasks.pop(name))


# Columns of a history that are neither losses nor metrics.
COUNTED = ("epoch", "seconds", "step_ms", "parameters")


def epoch_text(row: dict[str, Any]) -> str:
    """One epoch's history row in words."""
    values = [f"{name} {value:.4f}" for name, value in row.items() if name not in COUNTED]
    return "  ".join([*values, f"{row['seconds']:.1f} s"])
