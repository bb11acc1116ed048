"""Is a hand-written rule right? Proved by canonical form, compared with JAX, and reported."""

from __future__ import annotations

from tensorprop.check.report import Finding, Report, Verdict
from tensorprop.check.symbolic import equivalent
from tensorprop.check.verify import check

__all__ = ["Finding", "Report", "Verdict", "check", "equivalent"]
