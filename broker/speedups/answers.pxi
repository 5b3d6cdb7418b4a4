"""Acknowledgements on their way to publishers."""

cdef class Answers:
    cdef object account, sublist
    cdef dict literals, tails
    cdef bytes family
    cdef Match match
    cdef SubscriptionFields sub
    cdef bytearray lines
    cdef long long count, size

    def __init__(self, account):
        self.account, self.sublist = account, account.sublist
        self.literals, self.tails = self.sublist._literals, self.sublist._tails
        self.family, self.lines = b"", bytearray()

    def send_all(self, list answers not None):
        cdef tuple answer
        for answer in answers:
            self.send(answer[0], answer[1])
        self.flush()

    def send_message(self, bytes reply not None, bytes header not None, bytes payload not None):
        if self.find_receiver(reply) and self.sub.client.headers:
            self.put(reply, header, payload)
            self.flush()
        else:
            self.account.publish(reply, payload, b"", header)

    cdef int send(self, bytes reply, bytes payload) except -1:
        if self.find_receiver(reply):
            return self.put(reply, b"", payload)
        self.flush()
        self.account.publish(reply, payload)
        return 0

    cdef bint find_receiver(self, bytes reply) except -1:
        """False: the answer must be published; True: ``sub`` alone listens to the reply subject."""
        cdef const char *data = PyBytes_AS_STRING(reply)
        cdef Py_ssize_t family_size = PyBytes_GET_SIZE(reply)
        while family_size and data[family_size - 1] != c".":
            family_size -= 1
        if (
            self.match is None or self.match.stale or PyBytes_GET_SIZE(self.family) != family_size
            or memcmp(data, PyBytes_AS_STRING(self.family), family_size) != 0
        ):
            self.open(reply, family_size)
        return self.sub is not None and self.is_of_family(reply, family_size)

    cdef int put(self, bytes reply, bytes header, bytes payload) except -1:
        """One more line, ``H`` with a header."""
        cdef Py_ssize_t reply_size = PyBytes_GET_SIZE(reply), header_size = PyBytes_GET_SIZE(header)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload), used = PyByteArray_GET_SIZE(self.lines)
        cdef bytes sid = self.sub.sid
        cdef char *start
        cdef char *at
        PyByteArray_Resize(self.lines, used + reply_size + PyBytes_GET_SIZE(sid) + header_size + size + 64)
        start = at = PyByteArray_AS_STRING(self.lines) + used
        if header_size:
            at[0] = c"H"
            at += 1
        memcpy(at, b"MSG ", 4)
        memcpy(at + 4, PyBytes_AS_STRING(reply), reply_size)
        at += 4 + reply_size
        at[0] = c" "
        memcpy(at + 1, PyBytes_AS_STRING(sid), PyBytes_GET_SIZE(sid))
        at += 1 + PyBytes_GET_SIZE(sid)
        at[0] = c" "
        if header_size:
            at = put_decimal(at + 1, header_size)
            at[0] = c" "
        at = put_decimal(at + 1, header_size + size)
        memcpy(at, b"\r\n", 2)
        memcpy(at + 2, PyBytes_AS_STRING(header), header_size)
        memcpy(at + 2 + header_size, PyBytes_AS_STRING(payload), size)
        at += 2 + header_size + size
        memcpy(at, b"\r\n", 2)
        PyByteArray_Resize(self.lines, used + (at + 2 - start))
        self.count += 1
        self.size += header_size + size
        return 0

    cdef bint is_of_family(self, bytes reply, Py_ssize_t family_size) except -1:
        """``broker.core.sublist.Sublist.is_of_family``"""
        if reply in self.literals:
            return False
        if not self.tails:
            return True
        return reply[family_size:] not in self.tails

    cdef int open(self, bytes reply, Py_ssize_t family_size) except -1:
        cdef Match match
        cdef SubscriptionFields sub = None
        self.flush()
        match = self.sublist.match_inbox(reply)
        self.family, self.match = reply[:family_size], match
        if len(match.direct) == 1 and not (match.extra or match.queues):
            sub = match.direct[0]
        self.sub = sub if sub is not None and sub.imported is None else None
        return 0

    cdef int flush(self) except -1:
        """Hand over what waits, and account for it."""
        cdef Py_ssize_t used = PyByteArray_GET_SIZE(self.lines)
        cdef long long count = self.count, size = self.size
        cdef bytearray lines
        cdef Outbound outbound
        cdef Counters totals
        if not used:
            return 0
        lines, self.lines = self.lines, bytearray()
        self.count = self.size = 0
        client = self.sub.client
        if client.closed:
            return 0
        server, outbound = client.server, client.outbound
        self.sub.msgs += count
        outbound.out_msgs += count
        outbound.out_bytes += size
        for totals in (client.account.stats, server.stats):
            totals.out_msgs += count
            totals.out_bytes += size
        memcpy(outbound.reserve(used), PyByteArray_AS_STRING(lines), used)
        if not outbound.dirty:
            server.mark(outbound)
        if outbound.pending_bytes > outbound.stall_limit:
            server.over(outbound, None)
        return 0
