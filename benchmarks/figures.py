"""Every picture of README and docs, and what they show of printed results, made anew by the public commands.

    make figures        (python benchmarks/figures.py)

Runs ``aher demo`` with seed 0 unless ``runs`` holds a finished one with what it printed, then the commands that the
pages next to the pictures name, and writes ``docs/images`` and ``docs/printed``. Pages are photographed by Chromium.
Takes about ten minutes on two cores. The printed results are then copied to their pages by hand; a test compares them.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from jsonargparse import auto_cli

from aher_lightning.cli.main import main
from aher_lightning.console import output_console

FRACTIONS = ("0.1", "0.5", "1.0")
"""Label fractions of AherNet* in the picture of ``aher analyze label-fractions``."""

SCREENSHOTS = {"video_page.png": ("body", 1180), "evaluation_page.png": ("#groups svg", 1020)}
"""Pictures of pages: the first element that each shows, and the height in pixels."""

WIDTH = 1100
"""Width of these pictures in pixels."""

LEGEND = 90
"""Height of the legend and title above a chart in pixels."""


def commands(runs: Path) -> Iterator[list[str]]:
    """Yield the commands behind the pictures, in order.

    Args:
        runs: Folder with a finished ``demo``, for all other results.
    """
    demo, both, star = runs / "demo", runs / "both", runs / "star"
    cached = [f"--data.root={demo / 'data'}", f"--data.features.root={demo / 'features'}"]
    recognition = demo / "recognition" / "last.ckpt"
    weights = json.dumps([str(recognition)])
    # Neither annotated training videos of the moment categories nor validation videos of the others are in the demo.
    few = ["--seed=0", "--videos=8", "--moments-per-category=1"]
    for folder, options in ((star, ["--untrimmed-validation-videos=0", "--moment-training-videos=160"]), (both, [])):
        yield ["render", f"--output={folder / 'data'}", *few, *options]
        yield [
            *("extract", "--config=demo_extract.yaml", f"--data.root={folder / 'data'}"),
            *(f"--checkpoint={recognition}", f"--output={folder / 'features'}"),
        ]
    annotated = [f"--data.root={star / 'data'}", f"--data.features.root={star / 'features'}"]
    for fraction in FRACTIONS:
        folder = star / fraction
        common = ["--config=demo.yaml", "--config=variants/ahernet_star.yaml", *annotated]
        common += [f"--data.label_fraction={fraction}", f"--trainer.default_root_dir={folder}"]
        common += [f"--model.initial_weights={weights}"]
        yield ["fit", *common, f"--trainer.logger.save_dir={folder}"]
        yield ["test", *common, "--trainer.logger=false", f"--ckpt_path={folder / 'last.ckpt'}"]
    supervised = {fraction: str(star / fraction / "metrics.json") for fraction in FRACTIONS}
    analysis, analyzed = demo / "analysis", ["--config=demo_analyze.yaml", *cached]
    analyzed += [f"--checkpoint={demo / 'aher' / 'last.ckpt'}", f"--output={analysis}"]
    yield ["analyze", "levels", *analyzed, f"--classifier={recognition}"]
    yield ["analyze", "contexts", *analyzed]
    yield [
        *("analyze", "label-fractions", f"--ahernet={demo / 'aher' / 'metrics.json'}"),
        *(f"--supervised={json.dumps(supervised)}", f"--output={analysis}"),
    ]
    systems = {"AherNet": "aher", "AherNet-": "baseline"}
    predictions = {name: str(demo / folder / "predictions.json") for name, folder in systems.items()}
    yield [
        *("analyze", "timelines", f"--ground-truth={demo / 'data' / 'annotations.json'}", "--first=2", "--top_k=4"),
        *(f"--predictions={json.dumps(predictions)}", f"--output={analysis}"),
    ]
    yield [
        *("test", "--config=demo.yaml", f"--data.root={both / 'data'}", f"--data.features.root={both / 'features'}"),
        *("--data.evaluated=all", f"--ckpt_path={demo / 'aher' / 'last.ckpt'}", "--trainer.logger=false"),
        f"--trainer.default_root_dir={both / 'aher'}",
        f"--model.initial_weights={json.dumps([str(demo / 'stage0' / 'last.ckpt')])}",
    ]
    yield [*scored(runs), "--proposals", "--diagnose", "--buckets=quantiles", f"--page={both / 'report.html'}"]


def scored(runs: Path) -> list[str]:
    """Return the command that scores both category sets."""
    both = runs / "both"
    return [
        *("evaluate", f"--ground-truth={both / 'data' / 'annotations.json'}"),
        *(f"--predictions={both / 'aher' / 'predictions.json'}", f"--categories={both / 'data' / 'split.json'}"),
    ]


def printing_commands(runs: Path) -> dict[str, list[str]]:
    """Return the commands whose output is shown, by file in ``docs/printed``; that of the demo is there too."""
    data = runs / "demo" / "data"
    systems = (str(runs / "demo" / system / "predictions.json") for system in ("aher", "baseline"))
    compared = [f"--ground-truth={data / 'annotations.json'}", "--compare", *systems, "--group=moment"]
    compared += [f"--categories={data / 'split.json'}", "--tiou", "0.5", "0.75", "0.95"]
    return {
        "scores.txt": scored(runs),
        "oracle_labels.txt": [*scored(runs), "--oracle=labels"],
        "oracle_segments.txt": [*scored(runs), "--oracle=segments"],
        "comparison.txt": ["evaluate", *compared],
    }


def sources(runs: Path) -> dict[str, Path]:
    """Return what each picture of ``docs/images`` is a copy or a photograph of."""
    demo = runs / "demo"
    analysis = demo / "analysis"
    (video_page,) = (demo / "localized").glob("*.html")  # of the first validation video, as the demo chooses
    return {
        "analysis_contexts.png": analysis / "contexts.png",
        "analysis_label_fractions.png": analysis / "fractions.png",
        "analysis_levels.png": analysis / "levels.png",
        "analysis_timelines.png": analysis / "timelines.png",
        "demo_curves.png": demo / "aher" / "curves.png",
        "evaluation_page.png": runs / "both" / "report.html",
        "video_page.png": video_page,
    }


def photograph(page: Path, picture: Path, first: str, height: int) -> None:
    """Write a picture of a page as Chromium shows it, from an element on.

    Args:
        page: HTML file.
        picture: PNG file to write.
        first: Selector of the element.
        height: Height of the picture in pixels.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no Chromium for the pictures of pages; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        window = browser.new_page(viewport={"width": WIDTH, "height": height})
        window.goto(page.resolve().as_uri())
        window.wait_for_timeout(2000)  # until the player shows its first frame
        box = window.locator(first).first.bounding_box()
        top = 0.0 if box is None else max(0.0, box["y"] - LEGEND)
        clip = {"x": 0, "y": top, "width": WIDTH, "height": height}
        window.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]  # a TypedDict of theirs
        browser.close()


class _Both(io.StringIO):
    """Keeps what is printed, and prints it."""

    def write(self, text: str) -> int:
        """Keep and print."""
        if sys.__stdout__ is not None:
            sys.__stdout__.write(text)
        return super().write(text)


def run(words: Sequence[str]) -> str:
    """Run one command and return what it printed; end where it fails."""
    output_console().print(f"$ aher {' '.join(words)}", style="dim", markup=False)
    with redirect_stdout(_Both()) as printed:
        code = main(words)
    if code:
        raise SystemExit(code)
    return printed.getvalue()


def end_of_demo(runs: Path) -> str:
    """Return what the last step of the demo printed; run it first unless that is known."""
    known = runs / "demo.txt"
    if not known.is_file():
        shutil.rmtree(runs / "demo", ignore_errors=True)
        runs.mkdir(parents=True, exist_ok=True)
        known.write_text(run(["demo", f"--output={runs / 'demo'}"]), encoding="utf-8")
    text = known.read_text(encoding="utf-8")
    return text[text.index("Localize an unseen video") :]


def figures(runs: Path = Path("runs"), docs: Path = Path("docs")) -> None:
    """Make every picture and printed result of README and docs.

    Args:
        runs: Folder of all results; a finished demo in it is used, other results are replaced.
        docs: Folder of ``images`` and ``printed``.
    """
    printed = {"demo.txt": end_of_demo(runs)}
    for folder in ("both", "star"):
        shutil.rmtree(runs / folder, ignore_errors=True)
    for words in commands(runs):
        run(words)
    printed |= {name: run(words) for name, words in printing_commands(runs).items()}
    (docs / "printed").mkdir(exist_ok=True)
    for name, text in printed.items():
        lines = [line.rstrip() for line in text.splitlines() if not line.startswith("Resampling videos")]
        (docs / "printed" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, source in sources(runs).items():
        if name in SCREENSHOTS:
            photograph(source, docs / "images" / name, *SCREENSHOTS[name])
        else:
            shutil.copyfile(source, docs / "images" / name)


if __name__ == "__main__":
    auto_cli(figures, as_positional=False)
