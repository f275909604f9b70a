"""Simulated patients: the embedded default data set. They carry no clinical meaning.

Beat templates come from neurokit2's ECGSYN simulator (McSharry et al. 2003,
doi:10.1109/TBME.2003.808805); the ectopic shapes, the rhythm, the second lead and the noise are
composed here. The patients make an installation testable and a search demonstrable without any
download. They are neither recordings nor a substitute for them: a figure obtained on them says
how a search ranks networks, and nothing about any heart.
"""
