"""The description of switches and controllers (O4)."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.node_shapes import DrainInput
from controller.web.api import parts, shown
from controller.web.api.reading import JSON
from controller.web.api.resources import CONTROLLERS, NODE, NODES, NodeName
from controller.web.api.schemas import reference

#: The tags of these operations.
TAGS: Final = ("node", "controller")


def paths() -> dict[str, Any]:
    """Give the paths, each with its operations."""
    return {
        NODES: {
            "get": parts.operation(
                "list_nodes",
                "List the switches that return calls are made on, as this controller sees them: "
                "links, load, health, and which are drained.",
                {200: parts.told(shown.NODE_PAGE)},
                tag="node",
            )
        },
        NODE: {
            "parameters": [parts.in_path("name", NodeName)],
            "put": parts.operation(
                "drain_node",
                "Drain a node: it gets no new return calls, and its live ones go on.",
                {
                    201: parts.told(shown.NODE, "It is drained from now on."),
                    200: parts.told(shown.NODE, "It was drained already, for what is said now."),
                },
                404,
                *parts.OF_BODIES,
                tag="node",
                body=parts.body(reference(DrainInput), JSON),
            ),
            "delete": parts.operation(
                "resume_node",
                "Let a node get return calls again.",
                {204: {"description": "It is not drained any more."}},
                404,
                tag="node",
            ),
        },
        CONTROLLERS: {
            "get": parts.operation(
                "list_controllers",
                "List the controllers, as this one sees them; it is one of them.",
                {200: parts.told(shown.CONTROLLER_PAGE)},
                tag="controller",
            )
        },
    }
