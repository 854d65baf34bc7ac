"""Sounds that are uploaded: checked, converted to what FreeSWITCH plays best, brought to nodes."""
