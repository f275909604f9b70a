"""What a compact table says of itself, in the metadata of its Parquet schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_BENCHMARK, _RUNS, _COMPLETE, _SOURCE = (
    f"ecg_nas.{name}" for name in ("benchmark", "runs", "complete", "source")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What its values are, which no column tells.

    Attributes:
        benchmark: Name of the search space, ``nasbench101`` or ``nasbench201``.
        runs: Fewest and most trainings, over the cells, that a value is the mean of.
        complete: Whether every cell of the space is there, with all its values.
        source: The official format that the table was made from.
    """

    benchmark: str
    runs: tuple[int, int]
    complete: bool
    source: str

    def to_metadata(self) -> dict[str, str]:
        """Return the entries that a Parquet schema keeps."""
        return {
            _BENCHMARK: self.benchmark,
            _RUNS: "-".join(str(n) for n in dict.fromkeys(self.runs)),
            _COMPLETE: str(self.complete).lower(),
            _SOURCE: self.source,
        }

    @staticmethod
    def from_metadata(metadata: Mapping[bytes, bytes] | None) -> TableFacts | None:
        """Return what a schema's metadata tells; ``None`` for a table that says nothing."""
        facts = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
        if _BENCHMARK not in facts:
            return None
        fewest, _, most = facts[_RUNS].partition("-")
        return TableFacts(
            benchmark=facts[_BENCHMARK],
            runs=(int(fewest), int(most or fewest)),
            complete=facts[_COMPLETE] == "true",
            source=facts[_SOURCE],
        )
