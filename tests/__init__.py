"""Tests: `reactor` and `protocols` mirror the packages, each other folder asks one question."""
