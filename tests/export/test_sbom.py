import json
import re
from email.message import Message
from importlib.metadata import distributions, version

from ecg_nas.export.sbom import bill_of_materials


class Installed:
    """As importlib.metadata tells of a distribution."""

    def __init__(self, name, number, licence=None):
        self.metadata, self.version = Message(), number
        if name is not None:
            self.metadata["Name"] = name
        if licence is not None:
            self.metadata["License-Expression"] = licence


def test_it_names_everything_installed_once_and_repeats():
    text = bill_of_materials()
    assert bill_of_materials() == text
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    names = [part["name"] for part in bill["components"]]
    assert names == sorted(set(names))
    assert len(names) == len({d.metadata["Name"].lower().replace("_", "-").replace(".", "-")
                              for d in distributions()}) - 1  # fmt: skip
    torch = next(part for part in bill["components"] if part["name"] == "torch")
    assert torch["version"] == version("torch")
    assert bill["metadata"]["component"]["name"] == "ecg-nas"
    assert "timestamp" not in text


def test_order_and_duplicates_of_the_installation_do_not_matter():
    some = [Installed("B_b", "1.0+cpu", "MIT"), Installed("a", "2"), Installed(None, "0")]
    text = bill_of_materials([*some, Installed("b.b", "0.9")])
    assert bill_of_materials(reversed(some)) == text
    assert [part["purl"] for part in json.loads(text)["components"]] == [
        "pkg:pypi/a@2",
        "pkg:pypi/b-b@1.0%2Bcpu",
    ]
    assert json.loads(text)["components"][1]["licenses"] == [{"expression": "MIT"}]
    assert bill_of_materials([Installed("a", "3")]) != bill_of_materials([Installed("a", "2")])
