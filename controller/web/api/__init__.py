"""The REST API (SPEC O2): the configuration over HTTP, with a description of itself.

`application` makes it. `resources` is the table of what there is; the views over it are generic.
"""
