"""What a client shall be sent: bytes in one buffer that is borrowed from a pool while there are any."""

# Buffers that are not in use; reusing warm memory is worth more than anything else here.
DEF POOL_MAX = 16
cdef char *_pool_data[POOL_MAX]
cdef Py_ssize_t _pool_room[POOL_MAX]
cdef int _pool_count = 0
cdef Py_ssize_t _POOLED_MIN = 32 * 1024, _POOLED_MAX = 2 * 1024 * 1024, _FIRST_ROOM = 2048


cdef class Outbound:
    cdef public object client, gate
    cdef public Py_ssize_t limit, stall_limit, in_transport
    cdef public long long out_msgs, out_bytes
    cdef public bint blocked, dirty
    cdef char *data
    cdef Py_ssize_t start, used, room
    # The block of ``receive`` in which ``over`` was called last.
    cdef long long over_in

    def __cinit__(self):
        self.data = NULL

    def __init__(self, client, Py_ssize_t max_pending, Py_ssize_t stall_limit):
        self.client = client
        self.limit = max_pending
        self.stall_limit = stall_limit

    def __dealloc__(self):
        self.give_back()

    cdef void give_back(self) noexcept:
        global _pool_count
        if self.data == NULL:
            return
        if _POOLED_MIN <= self.room <= _POOLED_MAX and _pool_count < POOL_MAX:
            _pool_data[_pool_count] = self.data
            _pool_room[_pool_count] = self.room
            _pool_count += 1
        else:
            free(self.data)
        self.data = NULL
        self.start = self.used = self.room = 0

    cdef int make_room(self, Py_ssize_t size) except -1:
        """``size`` more bytes than are used now fit when this returns."""
        global _pool_count
        cdef Py_ssize_t kept = self.used - self.start, room
        cdef char *data
        if self.data == NULL and _pool_count:
            _pool_count -= 1
            self.data = _pool_data[_pool_count]
            self.room = _pool_room[_pool_count]
            if size <= self.room:
                return 0
        if self.start > self.room // 2:
            memmove(self.data, self.data + self.start, kept)
            self.start, self.used = 0, kept
            if size <= self.room - kept:
                return 0
        room = max(self.used + size, 2 * self.room, _FIRST_ROOM)
        data = <char *>realloc(self.data, room)
        if data == NULL:
            raise MemoryError
        self.data, self.room = data, room
        return 0

    cdef inline int put_bytes(self, const char *data, Py_ssize_t size) except -1:
        if UNLIKELY(self.room - self.used < size):
            self.make_room(size)
        memcpy(self.data + self.used, data, size)
        self.used += size
        return 0

    @property
    def pending_bytes(self):
        return self.used - self.start + self.in_transport

    def put(self, bytes data not None):
        self.put_bytes(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def take(self, Py_ssize_t most=-1):
        cdef Py_ssize_t size = self.used - self.start
        if size == 0:
            return []
        if 0 <= most < size:
            size = most
        taken = PyBytes_FromStringAndSize(self.data + self.start, size)
        self.consume(size)
        return [taken]

    def view(self):
        """What is there, without copying it; valid until anything else is done with this."""
        if self.used == self.start:
            return None
        return PyMemoryView_FromMemory(self.data + self.start, self.used - self.start, 0x100)

    cpdef consume(self, Py_ssize_t size):
        """So much of ``view`` has gone."""
        self.start += size
        if self.start == self.used:
            self.give_back()

    def keep(self):
        pass

    def hold(self, publisher):
        if self.gate is None:
            from broker.core.gate import Gate
            self.gate = Gate(self)
        self.gate.hold(publisher)

    def set_in_transport(self, Py_ssize_t size):
        self.in_transport = size

    def drop(self):
        self.give_back()
