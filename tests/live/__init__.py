"""The controller, a real FreeSWITCH with the files of fs-config/, and SIPp phones.

Everything is skipped, with the reason, where `freeswitch` or `sipp` is not installed.
"""
