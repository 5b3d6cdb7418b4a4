"""Verbs that change something: keyword-only, typed, one transaction each, audited.

A service decides and writes; after its transaction has been committed it tells the broker through ``gateway``
and the open pages through ``notices``. Services know nothing of HTTP.
"""
