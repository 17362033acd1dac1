"""A line about threads appears where they wait for cores, and nowhere else."""

from __future__ import annotations

import importlib
import os

import pytest
import torch

import lieham
from lieham._support import threads
from systems import Springs


def on(monkeypatch, count: int, cores: int, load: float) -> str:
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    return threads.waiting()


@pytest.mark.parametrize(("count", "cores", "load"), [(2, 2, 1.0), (8, 8, 3.0), (4, 8, 6.0), (2, 1, 0.5)])
def test_more_threads_than_idle_cores_wait(monkeypatch, count, cores, load):
    said = on(monkeypatch, count, cores, load)
    assert f"{load:.1f} of {cores} cores" in said and f"{count} threads" in said and "OMP_NUM_THREADS=1" in said


@pytest.mark.parametrize(("count", "cores", "load"), [(1, 2, 5.0), (2, 2, 0.0), (2, 2, 0.3), (2, 8, 4.0), (4, 2, 0.1)])
def test_one_thread_and_idle_cores_say_nothing(monkeypatch, count, cores, load):
    assert on(monkeypatch, count, cores, load) == ""


def test_a_system_that_does_not_count_says_nothing(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert threads.waiting() == ""


@pytest.mark.parametrize("load", [0.0, 9.0])
def test_fit_announces_it_once(monkeypatch, load):
    said: list[str] = []
    monkeypatch.setattr(importlib.import_module("lieham.training.fit"), "announce", said.append)
    on(monkeypatch, 2, 2, load)
    data = Springs(3).generate(4, 2, 0, points=6)
    lieham.fit(lieham.HLieConv("SE(2)", data.n_features, width=4), data, steps=0, refine=0)
    assert [x for x in said if "OMP_NUM_THREADS" in x] == ([threads.waiting()] if load else [])
