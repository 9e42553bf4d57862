"""In-memory twins of all ports, for tests and for trying things without a server.

Each obeys its port's contract suite.
"""
