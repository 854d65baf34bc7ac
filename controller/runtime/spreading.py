"""Which nodes return calls are made on: by what is known of them, and by `routing.nodes`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from controller.esl.switch import SwitchLink
from controller.routing.nodes import NodeState, nodes_in_order
from controller.runtime.services import Services
from controller.store.attempts import Places


def is_drained(services: Services, node: str) -> bool:
    """Whether a node is to get no new return calls."""
    return any(drain.name == node for drain in services.drains.get())


def any_node(services: Services) -> bool:
    """Whether there is a node that return calls may be made on, however many it has.

    Without one no callback is taken on: each would be written twice a second for nothing.
    """
    most = services.settings.dispatcher.max_calling_per_node
    return bool(nodes_in_order(node_states(services, Places({}, {})), most))


def node_states(services: Services, places: Places) -> tuple[NodeState, ...]:
    """Give what is known of each node. `places`: the calls that are under way."""
    calls = {node: (found.calling, found.answered) for node, found in places.nodes.items()}
    return services.node_health.states(
        services.links.values(), calls, (drain.name for drain in services.drains.get())
    )


@contextlib.contextmanager
def links_for_a_call(services: Services, places: Places) -> Iterator[list[SwitchLink]]:
    """Give the links of nodes that may make a return call, the best one first.

    As long as it is open the first one counts as having the call already: many are made at a time,
    and none of them is written yet.
    """
    most = services.settings.dispatcher.max_calling_per_node
    order = nodes_in_order(node_states(services, places), most)
    with services.node_health.having_one_more(order[0] if order else None):
        yield [services.links[name] for name in order]


def busy_channels(services: Services, places: Places) -> list[str]:
    """Give the channels with as many calls being set up as they may have."""
    most = services.settings.dispatcher.max_calling_per_channel
    return [name for name, count in places.firsts.items() if count >= most]
