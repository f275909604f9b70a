import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_nas import methods
from ecg_nas.errors import ConfigError
from ecg_nas.methods.engine.search_loop import SearchAlgorithm
from ecg_nas.predictor.dcl import DclConfig
from ecg_nas.predictor.npenas_gin import GinConfig
from ecg_nas.runs import config as module
from ecg_nas.runs.config import PRESETS, differences, from_json, resolve, to_json
from search_spaces import load

METHODS = [name for name in methods.with_variants() if methods.load(name).cost != "needed"]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", METHODS)
def test_settings_round_trip_through_json(preset, method):
    config = resolve(preset=preset, flags={"method": method, "max_params": 9000})
    text = json.dumps(to_json(config))
    assert from_json(json.loads(text)) == config
    assert differences(json.loads(text), to_json(config)) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_in_full_and_leaves_most_to_the_predictor(preset):
    config = resolve(preset=preset)
    assert config.budget >= 12
    assert config.folds.n_folds >= 3
    assert config.training.epochs >= 5
    assert config.training.keep_every <= 4
    assert config.final.epochs >= 12
    assert config.final.keep_every == 1
    assert config.budget - config.algorithm.n_init >= 6
    assert config.algorithm.fes_max == config.budget


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_made_from_its_settings(method):
    config = resolve(flags={"method": method, "budget": 3})
    made = module.algorithm(config, load("ecg1d"), None)
    assert isinstance(made, SearchAlgorithm)
    assert len(made.ask()) == 3


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(
        'preset = "standard"\nseed = 5\nbudget = 40\n[training]\nepochs = 7\n'
        "[algorithm]\nn_infill = 3\n",
        encoding="utf-8",
    )
    config = resolve(file=file, flags={"seed": 6, "max_macs": None})
    assert (config.seed, config.budget, config.training.epochs) == (6, 40, 7)
    assert config.training.keep_every == PRESETS["standard"]["training"]["keep_every"]
    assert config.algorithm.n_infill == 3
    assert resolve(file=file, flags={"preset": "quick"}).folds == resolve(preset="quick").folds


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"preset": "instant"}, "quick, standard, full"),
        ({"method": "magic"}, "dcl-enas"),
        ({"method": "dcl-enas:magic"}, "dcl-enas:regression"),
        ({"method": "nsga2"}, "one objective"),
        ({"method": 3}, "dcl-enas"),
        ({"algorithm": {"predictor": {"epoch": 1}}}, "algorithm.predictor.epoch"),
        ({"algorithm": {"predictor": {"epochs": "many"}}}, "algorithm.predictor.epochs"),
        ({"algorithm": {"predictor_name": "magic"}}, "npenas-gin"),
        (
            {"algorithm": {"predictor_name": "bananas-mlp", "predictor": {"top": 1}}},
            "predictor.top",
        ),
        ({"space": "nowhere"}, "ecg1d"),
        ({"space": "nasbench201"}, "ecg1d"),
        ({"budget": 0}, "budget"),
        ({"device": "abacus"}, "device"),
        ({"seed": "x"}, "seed"),
        ({"colour": 1}, "colour"),
        ({"training": {"epoch": 1}}, "training.epoch"),
        ({"training": {"augment": {"noise": -1}}}, "augment.noise"),
        ({"algorithm": {"n_unknown": 1}}, "algorithm.n_unknown"),
        ({"data": {"colour": 1}}, "data.colour"),
        ({"data": {"sets": [{"source": "mitdb", "colour": 1}]}}, "data.sets.0.colour"),
        ({"data": {"sets": [{"source": "nowhere"}]}}, "synthetic"),
        ({"data": {"sets": 5}}, "data.sets"),
        ({"data": 5}, "data must name"),
        ({"leads": "MLII"}, "data.sets.0.leads"),
        ({"annotators": ["a b"]}, "letters and digits"),
        ({"data": "a", "records": "b"}, "leave one out"),
        ({"data": ["mitdb", "synthetic"], "records": "b"}, "NAME=DIR"),
        ({"data": {"sets": [{"source": "mitdb", "role": "external test"}]}}, "role train"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path, settings, named):
    with pytest.raises(ConfigError) as caught:
        resolve(file=write_toml(tmp_path, settings))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path):
    settings = {"budget": "many", "training": {"epochs": 0, "color": 2}, "folds": {"n_folds": 1}}
    with pytest.raises(ConfigError) as caught:
        resolve(file=write_toml(tmp_path, settings))
    for named in ("budget", "epochs", "training.color", "n_folds"):
        assert named in str(caught.value)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("budget =", encoding="utf-8")
    for path in (file, tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match="readable TOML"):
            resolve(file=path)


@given(st.sampled_from(["seed", "budget", "split"]), st.integers(2, 50))
def test_differences_name_what_changed_but_for_what_may(name, value):
    old = to_json(resolve())
    new = json.loads(json.dumps({**old, name: value}))
    seed = f"seed ({old['seed']}, now {value})"
    named = {"budget": [], "seed": [seed], "split": [f"data.split (standard, now {value})"]}
    assert differences(old, new) == named[name]


def test_a_method_takes_the_settings_of_the_predictor_that_is_named(tmp_path):
    algorithm = {"predictor_name": "npenas-gin", "predictor": {"epochs": 7}}
    config = resolve(file=write_toml(tmp_path, {"algorithm": algorithm}))
    assert config.algorithm.predictor == GinConfig(epochs=7)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_a_variant_is_the_method_with_some_settings_changed(tmp_path):
    algorithm = {"n_infill": 3, "predictor": {"epochs": 7}}
    file = write_toml(tmp_path, {"method": "dcl-enas:regression", "algorithm": algorithm})
    config = resolve(file=file)
    assert config.algorithm.predictor == DclConfig(objective="regression", epochs=7)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_settings_from_before_a_predictor_could_be_named_are_the_same():
    old = to_json(resolve())
    del old["algorithm"]["predictor_name"]
    assert from_json(old) == resolve()
    assert differences(old, to_json(resolve())) == []


def test_differences_reach_into_the_parts():
    config = resolve()
    other = dataclasses.replace(
        config, training=dataclasses.replace(config.training, epochs=config.training.epochs + 1)
    )
    (named,) = differences(to_json(config), to_json(other))
    assert named.startswith("training.epochs (")


def write_toml(folder, settings):
    lines = [f"{k} = {inline(v)}" for k, v in settings.items() if not isinstance(v, dict)]
    for table, values in settings.items():
        if isinstance(values, dict):
            lines += tables(table, values)
    file = folder / "settings.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def tables(name, values):
    plain = [f"{k} = {inline(v)}" for k, v in values.items() if not isinstance(v, dict)]
    lines = [f"[{name}]", *plain]
    for inner, its_values in values.items():
        if isinstance(its_values, dict):
            lines += tables(f"{name}.{inner}", its_values)
    return lines


def inline(value):
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {inline(one)}' for name, one in value.items())}}}"
    return json.dumps(value)


def test_settings_are_read_without_torch():
    code = (
        "import sys; from ecg_nas.runs.config import resolve; resolve(); "
        "assert not {'torch', 'torch_geometric'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
