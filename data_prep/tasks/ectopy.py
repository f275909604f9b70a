"""Whether a beat is ectopic: S, V and F against N.

A fusion beat is ectopic: an ectopic focus has a part in it. Paced and unclassifiable beats are left
out: they are neither, and a class of either kind would have to guess.
"""

from __future__ import annotations

from data_prep.tasks.base import BeatClass, Task, leaving_out, symbols

TASK = Task(
    name="ectopy",
    description="normal or ectopic (S, V and F as one); paced and unclassifiable take no part",
    kinds=(
        BeatClass(
            letter="N",
            name="normal or bundle branch block",
            text="normal and bundle branch block",
            colour="#1f2933",
            shape=None,
            symbol="N",
        ),
        BeatClass(
            letter="E",
            name="ectopic",
            text="ectopic: supraventricular, ventricular or fusion of ventricular and normal",
            colour="#c44e00",
            shape="square",
            # WFDB has no symbol for an ectopic beat of any origin, and E is a ventricular escape.
            symbol="V",
        ),
    ),
    common="N",
    mappings=(
        symbols("aami", N="NLRBej", E="AaJSnVrEF"),
        symbols("bxb", N="NLRB", E="AaJSejnVrEF"),
    ),
    left_out=leaving_out("/fQ?", "paced and unclassifiable beats take no part in this task"),
    headline="macro_f1_ne",
    runs_of=("E",),
)
