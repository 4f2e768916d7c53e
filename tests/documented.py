"""What the documentation tells a reader to type, and a small world in which it can be typed."""

import csv
import json
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openpyxl
from test_import_dicom import write as write_dicom
from test_import_via import project as write_via_project

from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.video import sha256_of_video, write_video

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(lus-keras [^`]+|make [^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the line it begins on and its text."""

    page: Path
    language: str
    line: int
    text: str


@dataclass(frozen=True)
class Line:
    """A command line: where it stands, its words, and the file its output goes to, if any."""

    page: Path
    number: int
    words: tuple[str, ...]
    target: str = ""

    def __str__(self):
        return f"{self.page.name}:{self.number}: {shlex.join(self.words)}"


def blocks(page):
    """Fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, match[1], text.count("\n", 0, match.start()) + 2, match[2])
        for match in FENCE.finditer(text)
    ]


def typed(block):
    """Command lines of a bash block: continued lines are joined, comments dropped."""
    number, pending = block.line, ""
    for text in block.text.splitlines():
        pending += text.removesuffix("\\")
        if not text.endswith("\\"):
            if words := shlex.split(pending, comments=True):
                yield _line(block.page, number, words)
            pending = ""
        number += 1


def _line(page, number, words):
    kept, target = words, ""
    if ">" in words:
        kept, (target,) = words[: words.index(">")], words[words.index(">") + 1 :]
    return Line(page, number, tuple(kept), target)


def mentioned(page):
    """Command lines in running text and tables."""
    for number, text in enumerate(outside_of_fences(page).splitlines(), start=1):
        for match in INLINE.finditer(text.replace(r"\|", "|")):
            yield Line(page, number, tuple(shlex.split(match[1].replace("…", "smoke"))))


def outside_of_fences(page):
    """The page with as many lines, those of fenced blocks empty."""
    text = page.read_text(encoding="utf-8")
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def command_lines(page):
    """All command lines of a page in the order in which they are read."""
    lines = [line for block in blocks(page) if block.language == "bash" for line in typed(block)]
    # Of a batch script only our own lines: the rest is the cluster's.
    scripts = [line for block in blocks(page) if block.language == "slurm" for line in typed(block)]
    lines += [line for line in scripts if line.words[0] == "lus-keras"]
    return sorted([*lines, *mentioned(page)], key=lambda line: line.number)


LABELS = (
    {"b_lines": 1, "segments": ((0.4, 1.5),), "sliding": 1, "severity": 3, "sign": "b_lines",
     "signs": ("b_lines",)},
    {"b_lines": 0, "segments": (), "sliding": 0, "severity": 0, "sign": "a_lines",
     "signs": ("a_lines",)},
    {"b_lines": 1, "segments": ((0.2, 0.9),), "sliding": 1, "severity": 2, "sign": "consolidation",
     "signs": ("b_lines", "consolidation")},
    {"b_lines": 0, "segments": (), "sliding": 0, "severity": 1, "sign": "effusion",
     "signs": ("effusion",)},
)  # fmt: skip
VIA = {"sim-p000-e1-z05": [([0.2, 0.9], {"1": "0"})], "sim-p001-e2-z07": [([], {"2": "0"})]}


def build_world(folder):
    """Files of every name that the documentation uses: manifests, videos, sheets, projects."""
    frames = np.random.default_rng(0).integers(40, 200, (63, 420, 480), np.uint8)
    video = folder / "exam.avi"
    folder.mkdir(parents=True)
    write_video(video, frames, 30, codec="mjpeg")
    rows = []
    for number in range(8):
        path = folder / f"p{number + 1:02d}" / f"e1_z{number + 3}.avi"
        path.parent.mkdir()
        # Equal videos of two patients are a fault that `data check` finds.
        write_video(path, np.roll(frames, 7 * number, axis=(0, 2)), 30, codec="mjpeg")
        rows.append(Video(str(path), path.parent.name, path.stem, fps=30.0, **LABELS[number % 4]))
    write_manifest(rows, folder / "manifest.csv")
    marked = [replace(row, roi=(100, 60, 240, 300)) for row in rows]
    write_manifest(marked, folder / "marked.csv")
    _write_sheets(folder, video)
    _write_via(folder, frames)
    _write_annotations(folder)
    write_dicom(folder / "dicom" / "a.dcm")
    (folder / "data").mkdir()
    _write_covid_blues(folder / "data" / "covid-blues")
    _write_pocus(folder / "data" / "pocus", frames[:5, :48, :64])
    return folder


def _write_sheets(folder, video):
    (folder / "videos").mkdir()
    book = openpyxl.Workbook()
    book.active.append(["File", "Patient", "Sliding"])
    for name, sliding in (("p01_z3.avi", "present"), ("p02_z1.avi", "absent")):
        shutil.copy(video, folder / "videos" / name)
        book.active.append([name, name[:3], sliding])
    book.save(folder / "labels.xlsx")
    pictures = folder / "frames" / "010" / "e1" / "z1"
    pictures.mkdir(parents=True)
    for number in range(1, 4):
        import cv2

        cv2.imwrite(str(pictures / f"{number}.png"), np.full((24, 32), 20 * number, np.uint8))
    with (folder / "scores.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["patient", "exam", "area", "score", "fps"], ["010", "e1", "z1", 2, 30]]
        )


def _write_via(folder, frames):
    for number, name in enumerate(VIA):
        shown = np.roll(frames, 7 * number, axis=(0, 2))[:, :48, :64]
        write_video(folder / "videos" / f"{name}.avi", shown, 30, codec="mjpeg")
        (folder / "mp4").mkdir(exist_ok=True)
        write_video(folder / "mp4" / f"{name}.mp4", shown, 30, codec="mpeg4")
    marks = {f"{name}.mp4": marks for name, marks in VIA.items()}
    write_via_project(folder / "project.json", marks)


def _write_annotations(folder):
    """What the page of `data annotate` saves of two of the videos."""
    marked = [
        {
            **{"video": f"{name}.avi", "frames": 63, "width": 480, "height": 420, "fps": None},
            **{"sha256": sha256_of_video(folder / "videos" / f"{name}.avi")},
            **{"patient_id": name[:3], "exam_id": "", "zone": name[4:], "roi": [100, 60, 240, 300]},
            **{"labels": {"b_lines": str(number), "sliding": str(number)}},
            **{"intervals": [[12, 41]] * number},
        }
        for number, name in enumerate(("p01_z3", "p02_z1"))
    ]
    saved = {"format": "lus-keras annotations", "version": 1, "videos": marked}
    (folder / "page.json").write_text(json.dumps(saved))


def _write_covid_blues(folder):
    (folder / "lus_videos").mkdir(parents=True)
    lines = ["video_file,Severity Score,A-lines,B-lines,comments"]
    for number in range(10):
        name = f"patient_{number}_L1"
        (folder / "lus_videos" / f"{name}.mp4").touch()
        lines.append(f"{name},{number % 4}.0,{'yes,no' if number % 2 else 'no,yes'},")
    (folder / "severity.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_pocus(folder, frames):
    from test_pocus import COLUMNS, row

    signs = ("a_lines", "b_lines", "effusion", "consolidation")
    names = [f"Cov_{number}" for number in range(12)]
    (folder / "pocus_videos" / "convex").mkdir(parents=True)
    with (folder / "dataset_metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        for number, name in enumerate(names):
            write_video(folder / "pocus_videos" / "convex" / f"{name}.avi", frames, 25)
            writer.writerow(row(name, str(number), **{signs[number % 4]: "1"}))
