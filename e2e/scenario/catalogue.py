"""The scenarios, in the order of the list they come from."""
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Outcome:
    """What a scenario came to: whether it is as it must be, a line for people, the figures behind it."""
    passed: bool
    figure: str
    figures: dict = field(default_factory=dict)


@dataclass
class Scenario:
    name: str
    title: str
    play: Callable


ALL = []


def scenario(name, title):
    """Adds a function of a stage to the catalogue."""
    def add(play):
        ALL.append(Scenario(name, title, play))
        return play
    return add


# Each adds its own; the order is that of the imports.
import many_pods  # noqa: E402,F401
import replicas  # noqa: E402,F401
import outages  # noqa: E402,F401
import causes  # noqa: E402,F401
