"""What the data path counts, as C integers."""


cdef class Counters:
    cdef public long long in_msgs, in_bytes, out_msgs, out_bytes


cdef class SubscriptionFields:
    cdef public bytes subject, queue, sid
    cdef public object client, imported
    cdef public long long msgs, max
    cdef public bint closed, tap

    cdef bint is_direct(self) except -1:
        """``direct`` of the subclass, for the usual ones without asking it."""
        if self.client is None:
            return False
        if self.imported is not None:
            return self.direct
        return self.max == 0 and self.client.takes_direct

    cdef bytes header_head(self, bytes subject):
        """``H`` and ``head`` of the subclass."""
        cdef bytes head
        cdef char *at
        cdef Py_ssize_t size = PyBytes_GET_SIZE(subject), sid_size = PyBytes_GET_SIZE(self.sid)
        if self.imported is not None:
            return b"H" + self.head(subject)
        head = PyBytes_FromStringAndSize(NULL, size + sid_size + 7)
        at = PyBytes_AS_STRING(head)
        memcpy(at, b"HMSG ", 5)
        memcpy(at + 5, PyBytes_AS_STRING(subject), size)
        at[5 + size] = c" "
        memcpy(at + 6 + size, PyBytes_AS_STRING(self.sid), sid_size)
        at[6 + size + sid_size] = c" "
        return head
