"""Protocols: the handler classes people subclass; their codecs are pure and live in `codecs`."""
