"""Finding the subscriptions that match a subject."""


cdef class Leaf:
    cdef public dict plain, queues

    def __init__(self):
        self.plain = {}
        self.queues = {}

    def add(self, SubscriptionFields sub):
        if sub.queue:
            self.queues.setdefault(sub.queue, {})[sub] = None
        else:
            self.plain[sub] = None

    def discard(self, SubscriptionFields sub):
        members = self.queues.get(sub.queue) if sub.queue else self.plain
        if members is None:
            return
        members.pop(sub, None)
        if sub.queue and not members:
            del self.queues[sub.queue]

    def __bool__(self):
        return bool(self.plain or self.queues)

    def __iter__(self):
        yield from self.plain
        for members in self.queues.values():
            yield from members


cdef class Node:
    cdef public dict children
    cdef public Leaf leaf, rest

    def __init__(self):
        self.children = {}

    def __bool__(self):
        return bool(self.children or self.leaf is not None and self.leaf or self.rest is not None and self.rest)


cdef class Found:
    """What a search has collected."""

    cdef list plain
    cdef dict queues

    def __cinit__(self):
        self.plain = []

    cdef int collect(self, object held) except -1:
        cdef Leaf leaf
        cdef list members
        if not isinstance(held, Leaf):
            self.plain.append(held)
            return 0
        leaf = <Leaf>held
        if leaf.plain:
            self.plain.extend(leaf.plain)
        if leaf.queues:
            if self.queues is None:
                self.queues = {}
            for name, group in leaf.queues.items():
                members = self.queues.get(name)
                if members is None:
                    self.queues[name] = list(group)
                else:
                    members.extend(group)
        return 0

    cdef int search(self, Node root, list tokens) except -1:
        """Level by level, as subjects may have thousands of tokens."""
        cdef list nodes = [root], deeper
        cdef Node node
        cdef PyObject *child
        for token in tokens:
            deeper = []
            for node in nodes:
                if node.rest is not None:
                    self.collect(node.rest)
                child = PyDict_GetItem(node.children, token)
                if child != NULL and <bytes>token != b"*":
                    deeper.append(<Node>child)
                child = PyDict_GetItem(node.children, b"*")
                if child != NULL:
                    deeper.append(<Node>child)
            if not deeper:
                return 0
            nodes = deeper
        for node in nodes:
            if node.leaf is not None:
                self.collect(node.leaf)
        return 0


def search(dict literals not None, Node root not None, bytes subject not None):
    """See the twin, broker.core.sublist.search."""
    cdef Found found = Found()
    cdef PyObject *held = PyDict_GetItem(literals, subject)
    cdef list tokens
    if held != NULL:
        found.collect(<object>held)
    if root.children or root.rest is not None:
        tokens = subject.split(b".")
        if b"" not in tokens:
            found.search(root, tokens)
    return Match(subject, found.plain, found.queues.values() if found.queues is not None else ())
