"""A bundle as one HTML file that labels the beats of a dropped recording, in the browser alone.

The page holds the model, onnxruntime-web and the preprocessing in JavaScript (``browser/``), with
every constant and filter from ``data_prep.streaming.browser_constants``. It opens from the file
system and its policy forbids it the network. Its scripts are modules whose ``import`` and
``export`` are taken out when
they are put one behind the other: a page from the file system can import nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from data_prep.beats import polarity
from data_prep.streaming.browser_constants import rules
from ecg_nas.bundle.manifest import MODEL, NOTICE, Bundle
from ecg_nas.errors import BundleError
from ecg_nas.figures.class_styles import OTHER
from ecg_nas.files import write_text
from ecg_nas.inference import plausibility, recording_beats
from ecg_nas.inference.classifier import SLACK, plain_model
from ecg_nas.webpage import onnxruntime_web
from ecg_nas.webpage.onnxruntime_web import BrowserRuntime

# Each after those that it imports from.
_SCRIPTS: Final = (
    "numbers", "signal", "beats", "voices", "detect", "quality", "wfdb", "csv", "files",
    "doubts", "classify", "drawing", "summary", "model", "main",
)  # fmt: skip
_LATEST_IR: Final = 10
_OUTER: Final = re.compile(r"^import [^;]*;\n|^export (?=\w)", re.MULTILINE)


def write(bundle: Bundle, out: Path, *, runtime: Path | None = None) -> None:
    """Write the page of a bundle.

    Args:
        bundle: Whose model.
        out: The file to write, whole or not at all.
        runtime: The package onnxruntime-web; by default from the cache, or fetched.

    Raises:
        BundleError: If a browser cannot run the model, or ``runtime`` is not the right package.
        RunError: If the package cannot be fetched, or ``out`` cannot be written.
    """
    write_text(out, render(bundle, onnxruntime_web.load(runtime)))


def render(bundle: Bundle, runtime: BrowserRuntime) -> str:
    """Return the page of a bundle.

    Raises:
        BundleError: If the browser's runtime does not know the model's format, or the model is
            more than a plain network.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    manifest = bundle.manifest
    if manifest.ir_version > _LATEST_IR:
        raise BundleError(
            f"a model for the browser must be of ONNX's format {_LATEST_IR} or earlier; "
            f"{bundle.model} is of {manifest.ir_version}: export it with an earlier onnx"
        )
    script, style = _script(), _read("page.css")
    for text in (script, runtime.script):
        if "</script" in text.lower() or "<!--" in text:
            raise BundleError("a script of the page must not hold the end of a script; one does")
    environment = Environment(
        loader=PackageLoader("ecg_nas.webpage", "browser"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(
        policy=_policy((runtime.script, script), style),
        notice=NOTICE,
        model=manifest.files[MODEL].sha256[:12],
        params=manifest.params,
        source=manifest.training.get("source", "unknown recordings"),
        classes=manifest.classes,
        created_by=f"ecg-nas {manifest.versions.get('ecg-nas', 'of unknown version')}",
        version=onnxruntime_web.VERSION,
        mit=onnxruntime_web.MIT,
        rules=Markup(_embedded(page_rules(bundle))),
        packed_model=_packed(plain_model(bundle.model)),
        packed_runtime=_packed(runtime.wasm),
        ort=Markup(runtime.script),
        script=Markup(script),
        style=Markup(style),
    )


def page_rules(bundle: Bundle) -> dict[str, Any]:
    """Return all that the page's scripts must know of the bundle and of our own methods."""
    spec, task = bundle.spec, bundle.task
    fs_hz = spec.signal.fs_hz
    return {
        **rules(spec),
        "classes": list(bundle.classes),
        "common": task.common,
        "runs_of": [letter for letter in task.classes if letter in task.runs_of],
        "inputs": [tensor.name for tensor in bundle.manifest.inputs],
        "batch": recording_beats.BATCH,
        "slack": SLACK,
        "doubts": {
            "plausible_mv": list(plausibility.PLAUSIBLE_MV),
            "upside_down": plausibility.UPSIDE_DOWN,
            "least_beats": plausibility.LEAST_BEATS,
            "upright": sorted(plausibility.UPRIGHT),
            "down": plausibility.DOWN,
            "down_reach": round(plausibility.DOWN_S * fs_hz),
            "usual_qrs": bundle.manifest.usual_qrs,
            "usual_reach": round(polarity.USUAL_S * fs_hz),
            "lag": round(polarity.LAG_S * fs_hz),
            "most_beats": polarity.MOST_BEATS,
        },
        "looks": {
            **{
                kind.letter: {"colour": kind.colour, "name": kind.name, "shape": kind.shape}
                for kind in task.kinds
            },
            "?": {"colour": OTHER, "name": None, "shape": None},
        },
    }


def _script() -> str:
    """Return the page's own scripts as one module."""
    return "".join(_OUTER.sub("", _read(f"{name}.js")) for name in _SCRIPTS)


def _read(name: str) -> str:
    return (files("ecg_nas.webpage") / "browser" / name).read_text(encoding="utf-8")


def _embedded(values: dict[str, Any]) -> str:
    """Return JSON that can stand in a page: nothing in it ends the element that holds it."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c")


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _policy(scripts: tuple[str, ...], style: str) -> str:
    """Return the page's Content-Security-Policy: its own scripts, and no network."""

    def digests(*texts: str) -> str:
        found = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in texts)
        return " ".join(f"'sha256-{digest.decode()}'" for digest in found)

    return (
        "default-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src {digests(*scripts)} 'wasm-unsafe-eval'; style-src {digests(style)}"
    )
