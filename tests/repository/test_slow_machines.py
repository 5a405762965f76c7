"""No test fails because the machine is slow or busy."""

import ast

from hypothesis import HealthCheck, settings

from tests.conftest import ROOT

CLOCKS = {"monotonic", "perf_counter", "process_time"}
HANG_S = 300
"""A limit this long ends a program that hangs; no busy machine is as slow as that."""


def test_property_tests_have_no_deadline():
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


def limits(tree):
    """Yield (line, what) of each condition in a module that a slow machine could miss."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Lt | ast.LtE) for op in node.ops):
            called = {call.func for call in ast.walk(node) if isinstance(call, ast.Call)}
            if CLOCKS & {getattr(name, "attr", getattr(name, "id", "")) for name in called}:
                yield node.lineno, "something must happen before a moment"
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            if keyword.arg == "deadline" and value is not None:
                yield node.lineno, "a deadline"
            if keyword.arg == "timeout" and isinstance(value, int | float) and value < HANG_S:
                yield node.lineno, f"a timeout of {value} s"
        if ast.unparse(node.func) == "pytest.mark.timeout" and node.args[0].value < HANG_S:
            yield node.lineno, f"a timeout of {node.args[0].value} s"


def test_time_limits_are_found():
    source = """
assert time.monotonic() < end
assert perf_counter() - begun <= 2
assert time.monotonic() - begun >= 2
process.wait(timeout=10)
process.wait(timeout=600)
settings(deadline=200)
settings(deadline=None)
pytest.mark.timeout(30)
"""
    assert [line for line, _ in limits(ast.parse(source))] == [2, 3, 5, 7, 9]


def test_no_test_asks_for_speed():
    found = [
        f"{path.relative_to(ROOT)}, line {line}: {what}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.name != "test_slow_machines.py"
        for line, what in limits(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)
