"""What the specification says of a flow, and which rule says so; it knows the model and nothing of any cluster."""

from prober.oracle.explaining import explain, grounds
from prober.oracle.judgement import Doubt, End, Judgement, Leg, Role, RuleRef, Ruling, Side, Topic
from prober.oracle.judging import judge
from prober.oracle.pairs import Matrix, matrix

__all__ = [
    "Doubt",
    "End",
    "Judgement",
    "Leg",
    "Matrix",
    "Role",
    "RuleRef",
    "Ruling",
    "Side",
    "Topic",
    "explain",
    "grounds",
    "judge",
    "matrix",
]
