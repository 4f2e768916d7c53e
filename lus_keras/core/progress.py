"""Progress of long work: live bars on a terminal, one line an epoch in a log."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY_S = 10.0


class Reporter:
    """Tells a person, or a log file, how far the work is.

    Args:
        console: Where to print; a terminal gets bars, anything else plain lines.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.live: Progress | None = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Reporter:
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
            done: Finished steps.
            total: All steps.
            text: Said beside it, such as the loss.
        """
        if not self.live:
            self.note(f"{name}  {done}/{total}  {text}".rstrip())
            return
        if name not in self._tasks:
            self._tasks[name] = self.live.add_task(name, total=total, text="")
        self.live.update(self._tasks[name], completed=done, text=text)
        if done >= total:
            self.live.remove_task(self._tasks.pop(name))


def epoch_text(row: dict[str, Any]) -> str:
    """One epoch's history row in words."""
    values = [
        f"{name} {value:.4f}" for name, value in row.items() if name not in ("epoch", "seconds")
    ]
    return "  ".join([*values, f"{row['seconds']:.1f} s"])
