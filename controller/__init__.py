"""The callback controller: FreeSWITCH connects to it, it decides, the switch carries out."""

__version__ = "0.1.0"
