"""Arguments: whole numbers and functions, and what is said of anything else."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.arguments import (
    check_callables,
    check_callback,
    check_count,
    check_optional_count,
)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None])
def test_a_count_is_a_whole_number(wrong: Any) -> None:
    with pytest.raises(TypeError, match="backlog is a whole number"):
        check_count("backlog", wrong)


def test_a_count_has_a_least_value() -> None:
    check_count("backlog", 0)
    check_count("backlog", 1, least=1)
    for least in (0, 1):
        with pytest.raises(ValueError, match=f"is {least} or more"):
            check_count("backlog", least - 1, least=least)


def test_a_count_may_be_left_out_where_it_says_so() -> None:
    check_optional_count("backlog", None)
    check_optional_count("backlog", 1)
    with pytest.raises(ValueError, match="unless None"):
        check_optional_count("backlog", 0)


def test_a_function_can_be_called() -> None:
    check_callback(print)
    check_callables(password=None, chooser=print)
    with pytest.raises(TypeError, match="a callback is a function"):
        check_callback(None)
    with pytest.raises(TypeError, match="chooser is a function or None, not int"):
        check_callables(password=None, chooser=1)
