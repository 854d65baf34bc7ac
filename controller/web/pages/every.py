"""All parts of the pages, made."""

from __future__ import annotations

from collections.abc import Sequence

from controller.web.pages.accounts import ACCOUNTS, AccountPages
from controller.web.pages.assigned import AssignedPages
from controller.web.pages.callbacks import CallbackPages
from controller.web.pages.callerids import CALLERIDS, CallerIdPages
from controller.web.pages.callerids_bulk import CallerIdBulk
from controller.web.pages.callerids_files import CallerIdFiles
from controller.web.pages.calls import CallPages
from controller.web.pages.changes import ChangePages
from controller.web.pages.channels import CHANNELS, ChannelPages
from controller.web.pages.clients import CLIENTS
from controller.web.pages.desks import Desks
from controller.web.pages.entries import EntryPages
from controller.web.pages.explain import ExplainPages
from controller.web.pages.extension_sections import EXTENSIONS
from controller.web.pages.extensions import ExtensionPages
from controller.web.pages.figures import FigurePages
from controller.web.pages.finding import FindPages
from controller.web.pages.first import FirstRun
from controller.web.pages.live import LivePages
from controller.web.pages.lockouts import LockoutPages
from controller.web.pages.login import LogInPages
from controller.web.pages.me import MyPages
from controller.web.pages.nodes import NodePages
from controller.web.pages.numbers import NUMBERS, NumberPages
from controller.web.pages.pages import Pages
from controller.web.pages.persons import PersonPages
from controller.web.pages.prices import PRICE_LISTS, PriceListPages
from controller.web.pages.rates import RATES, RatePages
from controller.web.pages.records import RecordPages
from controller.web.pages.sounds import SOUNDS, SoundPages
from controller.web.pages.stops import StopPages
from controller.web.pages.suspicions import SuspicionPages
from controller.web.pages.timeline import TimelinePages
from controller.web.pages.tokens import TOKENS, TokenPages
from controller.web.pages.users import UserPages


def every_page(desks: Desks) -> Sequence[Pages]:
    """Give all of them."""
    live = LivePages(desks)
    return (
        LogInPages(desks),
        MyPages(desks),
        UserPages(desks),
        RecordPages(CLIENTS, desks),
        FirstRun(desks),
        ExtensionPages(EXTENSIONS, desks),
        AssignedPages(desks),
        CallerIdPages(CALLERIDS, desks),
        CallerIdBulk(desks),
        CallerIdFiles(desks),
        AccountPages(ACCOUNTS, desks),
        EntryPages(desks),
        ChannelPages(CHANNELS, desks),
        NumberPages(NUMBERS, desks),
        SoundPages(SOUNDS, desks),
        PriceListPages(PRICE_LISTS, desks),
        RatePages(RATES, desks),
        TokenPages(TOKENS, desks),
        ChangePages(desks),
        live,
        CallbackPages(desks, live),
        NodePages(desks),
        TimelinePages(desks),
        CallPages(desks),
        FindPages(desks),
        FigurePages(desks),
        ExplainPages(desks),
        LockoutPages(desks),
        SuspicionPages(desks),
        StopPages(desks),
        PersonPages(desks),
    )
