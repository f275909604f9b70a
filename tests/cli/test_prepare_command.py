"""``ecg-nas prepare`` on small recordings, good and bad."""

import json

import pytest
from click.testing import CliRunner

from ecg_nas.cli import main


def run(*words: object):
    return CliRunner().invoke(main, ["prepare", *map(str, words)])


def refused(result, out, says: str):
    """One line, exit code 2, nothing on standard output, nothing written."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("Error: ")
    assert says in result.stderr
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


def test_it_writes_a_store_and_says_what_is_in_it(small_folder, tmp_path):
    result = run("wfdb", "--records", small_folder, "--out", tmp_path / "s", "--json", "-")
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert set(summary["counts"]) == {"train", "test"}
    assert summary == json.loads((tmp_path / "s" / "manifest.json").read_text())


def test_a_dry_run_says_the_same_and_writes_nothing(small_folder, tmp_path):
    options = ("wfdb", "--records", small_folder, "--json", "-")
    out = tmp_path / "s"
    planned = run(*options, "--out", out, "--dry-run")
    assert planned.exit_code == 0, planned.stderr
    assert not out.exists()
    prepared = json.loads(run(*options, "--out", out).stdout)
    dry = json.loads(planned.stdout)
    assert dry == {key: prepared[key] for key in dry}


def test_the_options_reach_the_store(small_folder, tmp_path):
    names = sorted(file.stem for file in small_folder.glob("*.hea"))
    table = tmp_path / "patients.csv"
    table.write_text("record,patient\n" + "".join(f"{name},p{name}\n" for name in names))
    labels = tmp_path / "mine.toml"
    labels.write_text('N = "N"\nA = "S"\nV = "V"\nF = "F"\n')
    split = tmp_path / "split.toml"
    half = len(names) // 2
    sides = {"train": names[:half], "test": names[half:]}
    split.write_text("\n".join(f"{side} = {[f'p{n}' for n in own]}" for side, own in sides.items()))
    result = run(
        "wfdb", "--records", small_folder, "--dry-run", "--json", "-",
        "--patients", table, "--labels", labels, "--split", split, "--leads", "#1,#0",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["patients"] == {side: [f"p{n}" for n in own] for side, own in sides.items()}
    assert summary["signal"]["leads"] == ["#1", "#0"]
    assert summary["signal"]["mapping"] == "mine"


def test_neither_out_nor_dry_run_is_refused(small_folder, tmp_path):
    refused(run("wfdb", "--records", small_folder), tmp_path / "s", "--out")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nowhere"], "nowhere"),
        (["wfdb"], "--records"),
        (["wfdb", "--records", "missing"], "missing"),
        (["wfdb", "--records", "empty"], "records"),
        (["mitdb", "--records", "empty"], "48 records"),
        (["wfdb", "--records", "recordings", "--split", "thirds"], "thirds"),
        (["wfdb", "--records", "recordings", "--leads", "XX,YY"], "XX"),
        (["wfdb", "--records", "recordings", "--leads", "I,,II"], "commas"),
        (["wfdb", "--records", "recordings", "--labels", "no.toml"], "no.toml"),
        (["wfdb", "--records", "recordings", "--patients", "empty.csv"], "patient"),
        (["wfdb", "--records", "recordings", "--labels", "broken.toml"], "broken.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line(options, says, small_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.toml").write_text("N = [")
    out = tmp_path / "store"
    refused(run(*options, "--out", out), out, says)


@pytest.mark.parametrize("damage", ["truncated .dat", "no .atr", "no V", "text header"])
def test_damaged_recordings_are_one_line(damage, small_folder, tmp_path):
    first = sorted(small_folder.glob("*.hea"))[0]
    if damage == "truncated .dat":
        data = first.with_suffix(".dat")
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
        says = first.stem
    elif damage == "no .atr":
        first.with_suffix(".atr").unlink()
        says = "atr"
    elif damage == "no V":
        (tmp_path / "labels.toml").write_text('N = "N"\nA = "S"\nV = "N"\nF = "F"\n')
        says = "class V"
    else:
        first.write_text("this is no header\n")
        says = first.stem
    extra = ["--labels", tmp_path / "labels.toml"] if damage == "no V" else []
    out = tmp_path / "store"
    refused(run("wfdb", "--records", small_folder, "--out", out, *extra), out, says)


def test_a_folder_with_other_files_is_left_alone(small_folder, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("words")
    result = run("wfdb", "--records", small_folder, "--out", out)
    assert result.exit_code == 2
    assert "other files" in result.stderr
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_an_out_below_a_file_is_refused(small_folder, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("wfdb", "--records", small_folder, "--out", tmp_path / "file" / "store")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_another_annotator_is_taken_where_the_first_is_missing_and_named(small_folder, tmp_path):
    (small_folder / "p2.atr").rename(small_folder / "p2.man")
    options = ("wfdb", "--records", small_folder, "--dry-run", "--annotators", "atr,man")
    result = run(*options)
    assert result.exit_code == 0, result.stderr
    assert "note: p2: annotator man was taken, since there is no atr" in result.stdout
    refused(run(*options[:-1], "atr,"), tmp_path / "store", "--annotators")
