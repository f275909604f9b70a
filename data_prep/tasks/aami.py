"""The five classes of ANSI/AAMI EC57: N, S, V, F and Q.

F lies in one patient of each side of MIT-BIH and Q is not a kind of beat, so neither can be learnt
or measured honestly; both are predicted and reported, and may lack carriers.

Two mappings. ``aami``: escape beats (e atrial, j nodal) count as N, as in most published results on
MIT-BIH; ``bxb``: as PhysioNet's bxb counts them, e, j and n as S. n (supraventricular escape) is S
in both: it does not occur in MIT-BIH's classification records.

References:
    ANSI/AAMI EC57:2012, Testing and reporting performance results of cardiac rhythm and ST
    segment measurement algorithms. Symbols: https://physionet.org/physiotools/wag/annot-5.htm
    Colours: Okabe & Ito's palette, told apart with every common colour blindness.
"""

from __future__ import annotations

from data_prep.tasks.base import BeatClass, Task, symbols

TASK = Task(
    name="aami",
    description="N, S, V, F and Q of ANSI/AAMI EC57; scored are N, S and V",
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
            letter="S",
            name="supraventricular",
            text="supraventricular ectopic",
            colour="#0072b2",
            shape="circle",
            symbol="S",
        ),
        BeatClass(
            letter="V",
            name="ventricular",
            text="ventricular ectopic",
            colour="#c44e00",
            shape="square",
            symbol="V",
        ),
        BeatClass(
            letter="F",
            name="fusion",
            text="fusion of ventricular and normal",
            colour="#8a3d86",
            shape="diamond",
            symbol="F",
            is_scored=False,
            is_claimed=False,
        ),
        BeatClass(
            letter="Q",
            name="unclassifiable or paced",
            text="paced or unclassifiable",
            colour="#5f6b76",
            shape="hexagon",
            symbol="Q",
            is_scored=False,
            is_claimed=False,
        ),
    ),
    common="N",
    mappings=(
        symbols("aami", N="NLRBej", S="AaJSn", V="VrE", F="F", Q="/fQ?"),
        symbols("bxb", N="NLRB", S="AaJSejn", V="VrE", F="F", Q="/fQ?"),
    ),
    headline="macro_f1_nsv",
    runs_of=("V", "S"),
    ec57=("v", "s"),
)
