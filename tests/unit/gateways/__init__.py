"""Gateways of FreeSWITCH."""
