"""Vetting at scale: many candidates, many scenes, one sorted table."""

from .candidate import Candidate
from .reading import read_candidates
from .report import write_report
from .vetting import Vetting, vet

__all__ = ["Candidate", "Vetting", "read_candidates", "vet", "write_report"]
