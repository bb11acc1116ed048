"""Timings, printed as a table by ``python -m tests.benchmarks``; nothing here is asserted by the tests."""
