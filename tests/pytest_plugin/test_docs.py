"""The examples of docs/writing-tests.md are tests that pass."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.pytest_plugin.conftest import ROOT, Session

pytestmark = pytest.mark.lab

PAGE = ROOT / "docs" / "writing-tests.md"
SEEDS = ROOT / "scenarios" / "seeds"


def test_examples_pass(session: Session, pytester: pytest.Pytester) -> None:
    """Every example in Python is run as it stands, beside the seeds, with real packets and two workers."""
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (pytester.path / "test_page.py").write_text("\n".join(examples))
    for name in ("test-enforcement.scenario.yaml", "external-egress.scenario.yaml"):
        shutil.copy(SEEDS / name, pytester.path)
    shutil.copytree(SEEDS / "manifests", pytester.path / "manifests")
    found = session("test_page.py", "-n", "2", "-W", "error")

    assert 3 == len(examples)
    found.assert_outcomes(passed=5)
