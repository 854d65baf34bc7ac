"""The mission, pure: two machines, their events and their effects.

Read `states` first: it is the product in two tables.
"""
