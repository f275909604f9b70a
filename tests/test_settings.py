from ecg_nas.settings import differing

OLD = {"epochs": 3, "part": {"rate": 0.1, "kinds": ("a", "b")}, "gone": 1}
NEW = {"epochs": 3, "part": {"rate": 0.2, "kinds": ["a", "b"]}, "new": 2, "unset": None}


def test_differences_are_named_with_both_values():
    assert differing(OLD, NEW) == [
        "gone (1, now not set)",
        "new (not set, now 2)",
        "part.rate (0.1, now 0.2)",
    ]
    assert not differing(OLD, OLD)


def test_parts_in_a_list_are_compared_one_by_one():
    old = {"sets": [{"name": "a", "leads": ["I"]}], "n": [1, 2]}
    new = {"sets": ({"name": "a", "leads": ("II",)}, {"name": "b"}), "n": (1, 3)}
    assert differing(old, new) == [
        "n ([1, 2], now [1, 3])",
        "sets.0.leads (['I'], now ['II'])",
        "sets.1.name (not set, now b)",
    ]


def test_free_settings_may_differ():
    assert differing(OLD, NEW, free={"gone", "part.rate", "new"}) == []
