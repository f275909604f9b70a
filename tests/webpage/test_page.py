"""The page of a bundle, as text: whole, closed to the network, and no name in it is markup."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from hostile_models import altered, branching
from page_runtime import STAND_IN

from data_prep.streaming import browser_constants
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import BundleError
from ecg_nas.webpage import bundle_page

SOURCES = sorted((files("ecg_nas.webpage") / "browser").iterdir(), key=lambda file: file.name)


def blocks(text, element):
    return re.findall(rf"<{element}([^>]*)>(.*?)</{element}>", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def made(bundle_folder):
    bundle = load(bundle_folder)
    return bundle, bundle_page.render(bundle, STAND_IN)


def test_it_holds_the_model_the_runtime_and_the_rules(made):
    bundle, text = made
    found = dict(re.findall(r'<script type="[^"]*" id="(\w+)">(.*?)</script>', text))
    assert gzip.decompress(base64.b64decode(found["model"])) == bundle.model.read_bytes()
    assert gzip.decompress(base64.b64decode(found["runtime"])) == STAND_IN.wasm
    rules = json.loads(found["rules"])
    assert rules == json.loads(json.dumps(bundle_page.page_rules(bundle)))
    assert rules["samples"] == bundle.spec.samples
    assert rules["inputs"] == [tensor.name for tensor in bundle.manifest.inputs]
    assert bundle_page.render(bundle, STAND_IN) == text  # the same bundle, the same page


def test_its_policy_lets_run_what_stands_in_it_and_reach_nothing(made):
    _, text = made
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', text)
    rules = dict(part.split(maxsplit=1) for part in html.unescape(policy).split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    scripts = [body for kind, body in blocks(text, "script") if "module" in kind]
    assert len(scripts) == 2
    for place, bodies in (("script-src", scripts), ("style-src", [blocks(text, "style")[0][1]])):
        digests = [
            f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"
            for body in bodies
        ]
        extra = ["'wasm-unsafe-eval'"] if place == "script-src" else []
        assert rules[place].split() == digests + extra
    assert not re.search(r'\b(src|action)="|\shref="|\sstyle="|\son\w+="', text)


def test_nothing_of_a_bundle_is_taken_for_markup(made):
    bundle, _ = made
    evil = '</script><img src=x onerror="alert(1)">'
    spec = replace(bundle.spec, signal=replace(bundle.spec.signal, leads=(evil, "V1")))
    manifest = replace(bundle.manifest, training={"source": evil})
    text = bundle_page.render(replace(bundle, spec=spec, manifest=manifest), STAND_IN)
    assert "<img" not in text
    assert len(blocks(text, "script")) == 5
    assert html.escape(evil, quote=False)[:20] in text


def test_a_model_that_the_browser_does_not_know_is_refused(made):
    bundle, _ = made
    later = replace(bundle, manifest=replace(bundle.manifest, ir_version=11))
    with pytest.raises(BundleError, match="of ONNX's format 10 or earlier"):
        bundle_page.render(later, STAND_IN)


def test_every_script_is_short_is_used_and_says_what_it_is():
    scripts = [file for file in SOURCES if file.name.endswith(".js")]
    assert {file.name for file in scripts} == {f"{name}.js" for name in bundle_page._SCRIPTS}
    for file in scripts:
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, file.name
        assert text.startswith("// "), file.name
        used = re.findall(
            r'^} from "\./(\w+)\.js";|^import \{.*\} from "\./(\w+)\.js";', text, re.M
        )
        place = bundle_page._SCRIPTS.index(file.name.removesuffix(".js"))
        assert all("".join(name) in bundle_page._SCRIPTS[:place] for name in used), file.name


def test_scripts_put_together_import_nothing_and_share_no_name():
    script = bundle_page._script()
    assert not re.search(r"^(import|export)\b", script, flags=re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", script, re.MULTILINE)
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_wavelet_that_the_page_filters_with_is_neurokits():
    pywt = pytest.importorskip("pywt")
    signal = np.random.default_rng(0).normal(size=256)
    taps, ahead = browser_constants._detail_taps(3)
    own = sum(tap * np.roll(signal, k - ahead) for k, tap in enumerate(taps))
    np.testing.assert_allclose(own, np.array(pywt.swt(signal, "db3", level=3))[0, 1], atol=1e-10)


def test_a_model_with_control_flow_gets_no_page(bundle_folder, tmp_path):
    copy = altered(bundle_folder, tmp_path, *branching())
    with pytest.raises(BundleError, match="control flow"):
        bundle_page.render(load(copy), STAND_IN)
