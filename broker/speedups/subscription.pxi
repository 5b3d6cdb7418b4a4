"""What the data path counts, as C integers."""


cdef class Counters:
    cdef public long long in_msgs, in_bytes, out_msgs, out_bytes


cdef class SubscriptionFields:
    cdef public bytes subject, queue, sid
    cdef public object client
    cdef public long long msgs, max
    cdef public bint closed
