"""Every picture of README and docs, made anew by the public commands.

    make figures        (python benchmarks/figures.py)

Runs ``aher demo`` with seed 0 unless ``runs/demo`` holds a finished one, then the commands that the pages next to the
pictures name, and writes ``docs/images``. Pages are photographed by Chromium. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
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
    scored = ["evaluate", f"--ground-truth={both / 'data' / 'annotations.json'}"]
    scored += [f"--predictions={both / 'aher' / 'predictions.json'}", f"--categories={both / 'data' / 'split.json'}"]
    yield [*scored, "--proposals", "--diagnose", "--buckets=quantiles", f"--page={both / 'report.html'}"]
    for oracle in ("labels", "segments"):
        yield [*scored, f"--oracle={oracle}"]


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


def run(words: Sequence[str]) -> None:
    """Run one command; end where it fails."""
    output_console().print(f"$ aher {' '.join(words)}", style="dim", markup=False)
    if code := main(words):
        raise SystemExit(code)


def figures(runs: Path = Path("runs"), images: Path = Path("docs/images")) -> None:
    """Make every picture of README and docs.

    Args:
        runs: Folder of all results; a finished demo in it is used, other results are replaced.
        images: Folder of the pictures.
    """
    if not (runs / "demo" / "localized").is_dir():
        run(["demo", f"--output={runs / 'demo'}"])
    for folder in ("both", "star"):
        shutil.rmtree(runs / folder, ignore_errors=True)
    for words in commands(runs):
        run(words)
    for name, source in sources(runs).items():
        if name in SCREENSHOTS:
            photograph(source, images / name, *SCREENSHOTS[name])
        else:
            shutil.copyfile(source, images / name)


if __name__ == "__main__":
    auto_cli(figures, as_positional=False)
