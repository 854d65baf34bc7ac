"""Nodes (the switches), controllers, and whether channels work; nodes are drained and resumed."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec
from flask import Flask, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import Actor, Invalid, Kind, NotFound
from controller.admin.node_shapes import NodeShown
from controller.web.pages.application import unused_view
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import N_, _

PATH: Final = "/nodes"
#: What a node's health means, and the class of its tag.
HEALTH: Final[dict[str, tuple[str, str]]] = {
    "well": (N_("It gets calls."), "good"),
    "short": (N_("It is short of something, and gets calls after all others."), "warn"),
    "down": (N_("There is no link to it: it gets no calls."), "bad"),
    "drained": (N_("Somebody drained it: it gets no new calls."), "warn"),
    "silent": (N_("It does not answer: it gets no calls."), "bad"),
    "refusing": (N_("It refuses calls: it gets none for a while."), "bad"),
    "full": (N_("It has as many legs as it may: it gets calls when some are over."), "warn"),
    "busy": (N_("As many calls are being set up as may be: it gets more in a moment."), "warn"),
}
#: With these it gets calls now, or in a moment.
_CALLED: Final = ("well", "short", "busy")
SOURCES: Final[dict[str, str]] = {
    "configured": N_("from the settings"),
    "discovered": N_("found by itself"),
    "elsewhere": N_("known to other controllers only"),
}
STATES: Final[dict[str, tuple[str, str]]] = {
    "serving": (N_("It takes calls."), "good"),
    "leaving": (N_("It is about to end, and takes no more calls."), "warn"),
    "away": (N_("It is dead, or stands still: others follow its calls."), "bad"),
}
#: Why a channel is not used on a node.
TROUBLES: Final[dict[str, tuple[str, str]]] = {
    "down": (N_("down: the switch has no such gateway, or says that it is down"), "bad"),
    "failing": (N_("set aside for a while: calls over it failed again and again"), "warn"),
    "off": (N_("switched off"), ""),
    "": (N_("used; no trouble is known"), "good"),
}
#: So many channels are shown.
MOST_CHANNELS: Final = 500


class ChannelHealth(msgspec.Struct, frozen=True):
    """A channel, with what is known of it on each node (`TROUBLES`), in the order of these."""

    name: str
    on: tuple[str, ...]


class NodePages:
    """The page, the part of it that changes, and what is done with a node."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, method, view in (
            ("list", PATH, "GET", self.list),
            ("now", f"{PATH}/now", "GET", self.now),
            ("ask", f"{PATH}/of/<name>/drain", "GET", self.ask),
            ("drain", f"{PATH}/of/<name>/drain", "POST", self.drain),
            ("resume", f"{PATH}/of/<name>/resume", "POST", self.resume),
        ):
            app.add_url_rule(path, f"node.{endpoint}", view, methods=[method])
        unused_view(app, "node.now")

    def list(self) -> str:
        """Show the page."""
        part = self._part()
        return render_template("nodes.html", part=part, tag=_tag(part))

    def now(self) -> Answer:
        """Give the part of it that changes, or nothing where it is what somebody has."""
        part = self._part()
        if request.args.get("was") == _tag(part):
            # Nothing is replaced: whoever reads it, or is at a button of it, is left alone.
            return make_response("", 204)
        return make_response(render_template("_nodes_now.html", part=part, tag=_tag(part)))

    def ask(self, name: str) -> str:
        """Ask why a node is drained: a part of a page, or a page of its own."""
        rights.may_drain(actor())
        part = "HX-Request" in request.headers
        return self._drain("_drain.html" if part else "drain.html", name)

    def drain(self, name: str) -> Answer:
        """Drain a node."""
        values = {"reason": request.form.get("reason", "").strip()}
        desk = self._desks.nodes
        try:
            self._desks.run(desk.drain, actor(), name, values, desk.known())
        except Invalid as problem:
            return make_response(self._drain("drain.html", name, str(problem)), 422)
        return redirect(f"{PATH}?done=drained", 303)

    def resume(self, name: str) -> Answer:
        """Let a node get calls again."""
        desk = self._desks.nodes
        self._desks.run(desk.resume, actor(), name, desk.known())
        return redirect(f"{PATH}?done=resumed", 303)

    def _nodes(self) -> tuple[NodeShown, ...]:
        desk = self._desks.nodes
        nodes: tuple[NodeShown, ...] = self._desks.run(desk.nodes, actor(), desk.known())
        return nodes

    def _drain(self, template: str, name: str, wrong: str = "") -> str:
        nodes = {node.name: node for node in self._nodes()}
        if name not in nodes:
            raise NotFound(f"there is no node {name:.80}; see the list of nodes")
        node = nodes.pop(name)
        alone = all(other.health not in _CALLED for other in nodes.values())
        return render_template(template, node=node, alone=alone, wrong=wrong)

    def _part(self) -> str:
        nodes = self._nodes()
        linked, channels, more = _channels(self._desks)
        return render_template(
            "_nodes.html",
            nodes=nodes,
            controllers=self._desks.nodes.controllers(actor()),
            linked=linked,
            channels=channels,
            more_channels=more,
            health=HEALTH,
            sources=SOURCES,
            states=STATES,
            troubles=TROUBLES,
            may_drain=_may_drain(actor()),
            said=_said(nodes),
            all_called=bool(nodes) and all(node.health in _CALLED for node in nodes),
        )


def _channels(desks: Desks) -> tuple[list[str], list[ChannelHealth], bool]:
    """Give the nodes that this controller has links to, and what it knows of channels there."""
    known = desks.troubles()
    page = desks.run(desks.directory.list, actor(), Kind.CHANNEL, {}, limit=MOST_CHANNELS)
    linked = sorted(known)
    found = []
    for item in page.items:
        name, on = str(item.values["name"]), bool(item.values["enabled"])
        words = (known[node].get(name, "") if on else "off" for node in linked)
        found.append(ChannelHealth(name, tuple(words)))
    return linked, found, page.next is not None


def _tag(part: str) -> str:
    return sha256(part.encode()).hexdigest()[:16]


def _may_drain(who: Actor) -> bool:
    return rights.allowed(rights.may_drain, who)


def _said(nodes: tuple[NodeShown, ...]) -> str:
    """Say in a sentence what is worth knowing."""
    if not nodes:
        return _("No switch is known yet: see the settings.")
    full = [node.name for node in nodes if node.health == "full"]
    ill = [node.name for node in nodes if node.health not in _CALLED and node.health != "full"]
    said = []
    if ill:
        said.append(_("These get no calls: %(names)s.") % {"names": ", ".join(ill)})
    if full:
        words = _("These are full, and get calls when some are over: %(names)s.")
        said.append(words % {"names": ", ".join(full)})
    return " ".join(said) or _("All switches get calls.")
