"""`callbackd price-list`: lists of rates, by which accounts are charged and channels cost."""

from __future__ import annotations

from controller.commands.records import Named, add_commands, group

price_list = group(
    "price-list", "Price lists: by what accounts are charged, and what channels cost."
)
add_commands(price_list, Named("price_list", "name"), ("name", "currency", "description"))
