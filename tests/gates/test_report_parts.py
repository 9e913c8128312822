#!/usr/bin/env python3
"""The table of parts: labels, sanitized tests apart, what has not run and what is labelled wrongly."""
import unittest

import report_parts

COSTS = """gguf/Gguf.reads 3 0.5
text/Cuts.tags (1 of 2) 1 90
sanitized/gguf/Gguf.reads 2 30
---
gguf/Gguf.failed
"""
LISTING = {"tests": [
    {"name": "gguf/Gguf.reads", "properties": [{"name": "LABELS", "value": ["fast"]}]},
    {"name": "text/Cuts.tags (1 of 2)", "properties": [{"name": "LABELS", "value": ["slow"]}]},
    {"name": "sanitized/gguf/Gguf.reads", "properties": []},
    {"name": "soak", "properties": [{"name": "LABELS", "value": ["nightly"]}, {"name": "TIMEOUT", "value": 5.0}]}]}


class ReportParts(unittest.TestCase):
    def test_costs_are_of_tests_that_ran(self):
        self.assertEqual(report_parts.costs_of(COSTS), {"gguf/Gguf.reads": 0.5, "text/Cuts.tags (1 of 2)": 90.0,
                                                        "sanitized/gguf/Gguf.reads": 30.0})

    def test_table(self):
        lines = report_parts.table(report_parts.labels_of(LISTING), report_parts.costs_of(COSTS))
        self.assertEqual(lines[2:], ["| fast | 1 | 1 | 0.0 |", "| fast, under ASan and UBSan | 1 | 1 | 0.5 |",
                                     "| nightly | 1 | 0 | 0.0 |", "| slow | 1 | 1 | 1.5 |"])


if __name__ == "__main__":
    unittest.main()
