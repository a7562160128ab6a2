"""Waitstate: a selector-based reactor. Its public names come here when its floors stand."""
