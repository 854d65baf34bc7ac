"""Gateways of FreeSWITCH as channels want them: their XML, and how they differ from what runs."""
