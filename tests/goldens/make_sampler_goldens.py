#!/usr/bin/env python3
"""Writes tests/sample/goldens.json: what the sampler chain must keep, with which probability, and what it draws.

An implementation of its own in numpy (float64), by the formulas of transformers' logits processors
(RepetitionPenalty, TopK, TopP, MinP, Temperature) and of OpenAI's presence and frequency penalties, applied in the
order that engine/sample/sampler.h documents. The random numbers are written out here once more.
Needs numpy. Usage: make_sampler_goldens.py > ../sample/goldens.json
"""
import json
import sys
import numpy as np

MASK = (1 << 64) - 1


def splitmix(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


class Xoshiro:
    def __init__(self, seed):
        self.s = []
        for _ in range(4):
            seed, out = splitmix(seed)
            self.s.append(out)

    def next(self):
        s = self.s
        result = (rotl((s[1] * 5) & MASK, 7) * 9) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def expected(logits, settings, history):
    """Ids in the chain's order of drawing, and their probabilities."""
    f32 = lambda key, off: float(np.float32(settings.get(key, off)))
    x = np.array(logits, np.float32).astype(np.float64)
    for token, bias in settings.get("logit_bias", []):
        x[token] += bias
    window = settings.get("penalty_window", 64)
    recent = history[-window:] if window > 0 else []
    for token in sorted(set(recent)):
        x[token] = x[token] / f32("repeat", 1) if x[token] > 0 else x[token] * f32("repeat", 1)
        x[token] -= recent.count(token) * f32("frequency", 0) + f32("presence", 0)
    ids = np.array([i for i in range(len(x)) if x[i] > -np.inf])
    if settings.get("temperature", 1) == 0:
        best = min(ids, key=lambda i: (-x[i], i))
        return [int(best)], [1.0]
    ordered = False
    descending = lambda ids: np.array(sorted(ids, key=lambda i: (-x[i], i)))
    if settings.get("top_k", 0) > 0:
        ids, ordered = descending(ids)[: settings["top_k"]], True
    if settings.get("top_p", 1) < 1:
        ids, ordered = descending(ids), True
        cumulative = np.cumsum(softmax(x[ids]))
        ids = ids[: int(np.searchsorted(cumulative, f32("top_p", 1), side="left")) + 1]
    if settings.get("min_p", 0) > 0:
        p = softmax(x[ids])
        ids = ids[p >= f32("min_p", 0) * p.max()]
    return [int(i) for i in ids], [float(p) for p in softmax(x[ids] / f32("temperature", 1))]


def draws(probabilities, seed, count):
    rng = Xoshiro(seed)
    out = []
    for _ in range(count):
        if len(probabilities) == 1:
            out.append(0)
            continue
        u, total = rng.uniform(), 0.0
        for i, p in enumerate(probabilities):
            total += p
            if u < total:
                break
        assert abs(u - total) > 1e-9, "a draw too near to a border to be a golden"
        out.append(i)
    return out


rng = np.random.default_rng(20261001)
CASES = [
    ("plain", {}),
    ("temperature_low", {"temperature": 0.6}),
    ("temperature_high", {"temperature": 1.7}),
    ("temperature_tiny", {"temperature": 0.01}),
    ("greedy", {"temperature": 0}),
    ("greedy_penalised", {"temperature": 0, "repeat": 2.0, "penalty_window": 8}),
    ("top_k_1", {"top_k": 1}),
    ("top_k_5", {"top_k": 5}),
    ("top_k_beyond", {"top_k": 100000}),
    ("top_p", {"top_p": 0.9}),
    ("top_p_small", {"top_p": 0.01}),
    ("top_p_temperature", {"top_p": 0.95, "temperature": 0.6}),
    ("min_p", {"min_p": 0.05}),
    ("min_p_one", {"min_p": 1.0}),
    ("top_k_top_p", {"top_k": 20, "top_p": 0.8}),
    ("all", {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.6, "repeat": 1.1, "presence": 0.3,
             "frequency": 0.2, "logit_bias": [[3, 2.5], [9, -100.0]]}),
    ("repeat", {"repeat": 1.3}),
    ("repeat_below_one", {"repeat": 0.8}),
    ("presence", {"presence": 1.5}),
    ("frequency", {"frequency": 0.7}),
    ("penalty_window_3", {"repeat": 1.5, "frequency": 0.4, "penalty_window": 3}),
    ("penalty_window_0", {"repeat": 1.5, "penalty_window": 0}),
    ("logit_bias", {"logit_bias": [[0, 4.0], [1, -4.0]]}),
]
lines = []
for name, settings in CASES:
    for size in (12, 120):
        logits = [round(float(v), 3) for v in rng.normal(0, 3, size)]
        history = [int(t) for t in rng.integers(0, 10, 20)]
        ids, p = expected(logits, settings, history)
        seed = int(rng.integers(1, 2**53))
        lines.append({
            "name": f"{name}/{size}", "settings": settings, "history": history, "logits": logits, "ids": ids,
            "p": [round(v, 12) for v in p], "seed": seed, "draws": [ids[i] for i in draws(p, seed, 12)],
        })
random = {"seed": 42, "next": [str(v) for v in (lambda r: [r.next() for _ in range(6)])(Xoshiro(42))]}
sys.stdout.write('{"random": ' + json.dumps(random) + ', "cases": [\n' + ",\n".join(json.dumps(line) for line in lines) + "\n]}\n")
