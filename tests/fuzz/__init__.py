"""Hostile bytes on a live broker.

conversations.py   near-protocol conversations: real frames, bent frames, noise, in any cut
frames.py          a strict reader of what a server may say
victim.py          hold one conversation with a server, and a bystander that must not notice
test_hostile.py    a short run in the test suite
__main__.py        a campaign of any length: python -m tests.fuzz --examples 100000 --seed 7
"""
