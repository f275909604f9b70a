"""N, S and V alone, as a part of the literature counts: F and Q are left out of both sides.

The figures are not those of ``aami``: a fusion beat that is called V counts as an error there, and
does not occur here.
"""

from __future__ import annotations

from data_prep.tasks import aami
from data_prep.tasks.base import Task, leaving_out, symbols

TASK = Task(
    name="aami3",
    description="N, S and V; fusion, paced and unclassifiable beats take no part",
    kinds=tuple(kind for kind in aami.TASK.kinds if kind.is_scored),
    common="N",
    mappings=(
        symbols("aami", N="NLRBej", S="AaJSn", V="VrE"),
        symbols("bxb", N="NLRB", S="AaJSejn", V="VrE"),
    ),
    left_out=(
        *leaving_out("F", "fusion beats take no part in this task"),
        *leaving_out("/fQ?", "paced and unclassifiable beats take no part in this task"),
    ),
    headline="macro_f1_nsv",
    runs_of=("V", "S"),
    ec57=("v", "s"),
)
