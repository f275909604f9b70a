"""Which lead of a recording is which: by name, by position, with a fallback order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_prep.errors import DataError
from data_prep.io.limits import listed


def choose_leads(available: Sequence[str], wanted: Sequence[str], *, where: str) -> list[int]:
    """Return the column of each wanted lead: the first alternative that the record has.

    Args:
        available: The record's lead names, in the order of its columns.
        wanted: One entry a lead: names in order of preference, separated by ``/``; ``#0`` is the
            record's first lead. Case does not matter. No column is taken twice.
        where: What to call the record in a message.

    Raises:
        DataError: If an entry has no alternative among the leads that are left.
    """
    names = [name.strip().casefold() for name in available]
    chosen: list[int] = []
    for entry in wanted:
        for alternative in entry.split("/"):
            text = alternative.strip()
            if re.fullmatch(r"#\d+", text):
                columns = [int(text[1:])] if int(text[1:]) < len(names) else []
            else:
                columns = [i for i, name in enumerate(names) if name == text.casefold()]
            free = [column for column in columns if column not in chosen]
            if free:
                chosen.append(free[0])
                break
        else:
            raise DataError(
                f"{where} must have a lead {entry} (beside those already taken); it has "
                f"{listed(available) or 'none'}: choose others with --leads"
            )
    return chosen
