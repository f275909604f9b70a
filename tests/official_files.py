"""Small files in the official formats of the NAS benchmarks, with generated numbers."""

from __future__ import annotations

import base64
import bz2
import io
import json
import pickle
import struct
import tarfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from search_spaces.nasbench201 import from_index, to_string

EVALUATED = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("ori-test", "x-valid", "x-test"),
    "ImageNet16-120": ("ori-test", "x-valid", "x-test"),
}
ARCHIVE = "NATS-tss-v1_0-3ffb9-simple"
META = {"arch2infos": None, "evaluated_indexes": set()}


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """One TFRecord."""

    def masked(part: bytes) -> bytes:
        crc = crc32c(part)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def _metrics_class() -> Any:
    """ModelMetrics as protocol buffers itself reads and writes it."""
    file = descriptor_pb2.FileDescriptorProto(name="m.proto", package="nasbench", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    evaluation = file.message_type.add(name="EvaluationData")
    doubles = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy")
    for number, name in enumerate((*doubles, "test_accuracy"), 1):
        evaluation.field.add(name=name, number=number, type=kinds.TYPE_DOUBLE, label=1)
    evaluation.field.add(name="checkpoint_path", number=6, type=kinds.TYPE_STRING, label=1)
    metrics = file.message_type.add(name="ModelMetrics")
    data = {"type": kinds.TYPE_MESSAGE, "type_name": ".nasbench.EvaluationData", "label": 3}
    metrics.field.add(name="evaluation_data", number=1, **data)
    metrics.field.add(name="trainable_parameters", number=2, type=kinds.TYPE_INT32, label=1)
    metrics.field.add(name="total_time", number=3, type=kinds.TYPE_DOUBLE, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))


_METRICS = _metrics_class()


def metrics(validation: float, test: float, train_s: float, params: int) -> bytes:
    message = _METRICS(trainable_parameters=params, total_time=2 * train_s)
    for share in (0.0, 0.5, 1.0):
        message.evaluation_data.add(
            current_epoch=108 * share,
            training_time=train_s * share,
            train_accuracy=0.99 * share,
            validation_accuracy=validation * share,
            test_accuracy=test * share,
            checkpoint_path="model.ckpt",
        )
    return message.SerializeToString()


def record(
    key: str, epochs: int, adjacency: str, operations: str, encoded: bytes | None = None
) -> bytes:
    encoded = metrics(0.9, 0.8, 100.0, 1000) if encoded is None else encoded
    row = [key, epochs, adjacency, operations, base64.b64encode(encoded).decode() + "\n"]
    return json.dumps(row).encode()


def trial(dataset: str, seed: int, epochs: int, rng: np.random.Generator) -> dict[str, Any]:
    """One training, with what the table needs and what it does not."""
    evaluated = [f"{name}@{e}" for name in EVALUATED[dataset] for e in range(epochs)]
    return {
        "name": dataset,
        "net_state_dict": None,
        "train_acc1es": {e: rng.uniform(0, 100) for e in range(epochs)},
        "train_losses": {e: rng.uniform() for e in range(epochs)},
        "train_times": OrderedDict((e, 10.0 + seed) for e in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "class_num": 10},
        "params": np.float64(0.5),
        "flop": 12.5,
        "seed": str(seed),
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": list(EVALUATED[dataset]),
        "eval_acc1es": {key: rng.uniform(0, 100) for key in evaluated},
        "eval_losses": dict.fromkeys(evaluated, 1.0),
    }


def architecture(index: int, cell: str, *, seeds: Iterable[int] = (777, 888, 999)) -> Any:
    """Both states of one architecture. Few epochs keep it small: 3 for 200, 2 for 12."""
    rng = np.random.default_rng(index)

    def state(epochs: int, runs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        results = {
            (dataset, seed): trial(dataset, seed, epochs, rng)
            for dataset, its_seeds in runs.items()
            for seed in its_seeds
        }
        return {"arch_index": index, "arch_str": cell, "all_results": results, "dataset_seed": {}}

    # The order of the seeds in the file says nothing.
    long = {dataset: sorted(seeds, reverse=True) for dataset in EVALUATED}
    short = {dataset: [111, 777] if dataset == "cifar10-valid" else [777] for dataset in EVALUATED}
    return OrderedDict({"12": state(2, short), "200": state(3, long)})


def architectures(count: int) -> list[Any]:
    """``count`` different cells; the last one has two runs, the others three."""
    return [
        architecture(
            index,
            to_string(from_index(1_234 * index)),
            seeds=(777, 888) if index == count - 1 else (777, 888, 999),
        )
        for index in range(count)
    ]


def members(archs: Sequence[Any], total: int | None = None) -> dict[str, bytes]:
    """Content of the files of a NATS-Bench archive by name."""
    meta = {"total_archs": len(archs) if total is None else total, **META}
    pickles = {"meta": meta} | {f"{i:06d}": arch for i, arch in enumerate(archs)}
    return {
        f"{name}.pickle.pbz2": bz2.compress(pickle.dumps(value, protocol=4))
        for name, value in pickles.items()
    }


def tar(content: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"{ARCHIVE}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def tree(archs: Sequence[Any]) -> dict[str, Any]:
    """What the single file of NAS-Bench-201 holds."""
    return {
        "meta_archs": [arch["200"]["arch_str"] for arch in archs],
        "total_archs": len(archs),
        "basestr": "C16-N5",
        "arch2infos": {
            i: {"full": arch["200"], "less": arch["12"]} for i, arch in enumerate(archs)
        },
        "evaluated_indexes": set(range(len(archs))),
    }


def save(path: Path, value: Any, *, zipped: bool) -> Path:
    """Write what ``torch.save`` writes, now (``zipped``) or before it changed."""
    import torch

    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path
