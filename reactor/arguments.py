"""Arguments: what is wrong with one is said in the caller's stack, while somebody is there to hear.

What is checked here belongs to no part in particular; a span of seconds is checked in `deadline`.
"""


def check_callback(callback: object, name: str = "a callback") -> None:
    """Refuse what cannot be called.

    Raises:
        TypeError: it is no function.

    Thread: any. Calls back: never. Source: LW-070.
    """
    if not callable(callback):
        raise TypeError(f"{name} is a function, not {callback!r}")


def check_callables(**values: object) -> None:
    """Refuse the first argument that is neither a function nor None.

    Raises:
        TypeError: there is one.

    Thread: any. Calls back: never. Source: LW-156, LW-158.
    """
    for name, value in values.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} is a function or None, not {type(value).__name__}")


def check_count(name: str, value: object, *, least: int = 0) -> int:
    """Return a whole number from `least` on; refuse anything else.

    Raises:
        TypeError, ValueError: it is something else.

    Thread: any. Calls back: never. Source: LW-048, LW-058, LW-092, LW-103.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if value < least:
        raise ValueError(f"{name} is {least} or more, not {value}")
    return value


def check_optional_count(name: str, value: object) -> None:
    """Refuse what is neither a positive whole number nor None.

    Raises:
        TypeError, ValueError: it is something else.

    Thread: any. Calls back: never. Source: LW-048, LW-058.
    """
    if value is not None:
        check_count(f"{name}, unless None,", value, least=1)


def refuse_beside(name: str, **others: object) -> None:
    """Refuse arguments that mean nothing beside another one, which was given.

    Args:
        name: what that one is called.
        others: the others by their names, None where they were not given.

    Raises:
        ValueError: one was given.

    Thread: any. Calls back: never. Source: LW-199, CL-68.
    """
    for other, value in others.items():
        if value is not None:
            raise ValueError(f"{other} means nothing beside {name}")
