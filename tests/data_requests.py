"""A request for one data set, in few words."""

from data_prep.store.request import DataRequest, DataSetRequest


def asked(source=None, records=None, *, split=None, signal=None, **of_the_set):
    one = DataSetRequest(source=source, records=records, **of_the_set)
    return DataRequest(sets=(one,), split=split, signal=signal)
