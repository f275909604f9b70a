"""What was installed where a bundle was made: a bill of materials in CycloneDX's JSON.

References:
    CycloneDX 1.6, ecma-international.org/publications-and-standards/standards/ecma-424.
    Package URLs: github.com/package-url/purl-spec.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

_OWN = "ecg-nas"


def bill_of_materials(installed: Iterable[Distribution] | None = None) -> str:
    """Return the bill of materials as JSON text.

    The same installation gives the same text: components are sorted, there is no time in it, and
    its serial number is a hash of its content.

    Args:
        installed: What is installed; by default what this process can import.
    """
    found: dict[str, Distribution] = {}
    for distribution in distributions() if installed is None else installed:
        # The first of a name is what an import finds; one without a name is a broken leftover.
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(_normal(name), distribution)
    components = [_component(name, found[name]) for name in sorted(found)]
    own = [part for part in components if part["name"] == _OWN]
    content: dict[str, Any] = {
        "metadata": {
            "component": {**own[0], "type": "application"}
            if own
            else {"type": "application", "name": _OWN}
        },
        "components": [part for part in components if part["name"] != _OWN],
    }
    digest = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{digest}",
        "version": 1,
        **content,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _component(name: str, distribution: Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{quote(distribution.version)}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": distribution.version,
        "purl": purl,
    }
    # Only the newer field: the older one may hold a whole licence, or anything.
    if "License-Expression" in distribution.metadata:
        component["licenses"] = [{"expression": distribution.metadata["License-Expression"]}]
    return component


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
