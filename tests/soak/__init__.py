"""Long and large runs, started by hand: python -m tests.soak churn --minutes 10, python -m tests.soak million.

churn.py     connections that come, stall and die at random beside a flow that must lose nothing
million.py   a million subscriptions on 9,000 connections
mixed.py     an hour of a busy second's work after the other, and whether the server holds more of anything afterwards
tenants.py   python -m tests.soak.tenants: ten thousand namespaces with ten credentials each, asked for over the API
"""
