"""What the data path counts, as C integers."""

cdef struct Lane:
    # Borrowed: the Match holds the subscriptions, these their client, that its one outbound.
    PyObject *outbound
    PyObject *sub
    # "HMSG <subject> <sid> ", the lane's own; MSG begins one byte later.
    char *head
    Py_ssize_t head_size


cdef struct Group:
    Lane *lanes
    Py_ssize_t count


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

    cdef int header_head(self, bytes subject, Lane *lane) except -1:
        """``H`` and ``head`` of the subclass, in memory that the lane owns."""
        cdef bytes imported
        cdef char *at
        cdef Py_ssize_t size = PyBytes_GET_SIZE(subject), sid_size = PyBytes_GET_SIZE(self.sid)
        if self.imported is not None:
            imported = b"H" + self.head(subject)
            lane.head_size = PyBytes_GET_SIZE(imported)
        else:
            lane.head_size = size + sid_size + 7
        at = lane.head = <char *>malloc(lane.head_size)
        if at == NULL:
            raise MemoryError
        if self.imported is not None:
            memcpy(at, PyBytes_AS_STRING(imported), lane.head_size)
            return 0
        memcpy(at, b"HMSG ", 5)
        memcpy(at + 5, PyBytes_AS_STRING(subject), size)
        at[5 + size] = c" "
        memcpy(at + 6 + size, PyBytes_AS_STRING(self.sid), sid_size)
        at[6 + size + sid_size] = c" "
        return 0
