"""What a client shall be sent: bytes in a list of chunks, which are borrowed from a pool while there are any."""

cdef struct Chunk:
    Chunk *next
    # Bytes lie at data[start:used]; room is how many there may be.
    Py_ssize_t start, used, room
    char data[1]


# A chunk grows up to here; only a message that is longer gets a larger one of its own.
DEF CHUNK_ROOM = 256 * 1024
DEF FIRST_ROOM = 2048
# Whole chunks that are not in use: reusing warm memory is worth more than anything else here.
DEF POOL_MAX = 64
cdef Chunk *_pool = NULL
cdef int _pooled = 0


# Somebody may have been closed since this was looked at last.
cdef bint _over_was_called = False


cdef Chunk *new_chunk(Py_ssize_t room) except NULL:
    """The smallest that is at hand, of at least ``room``."""
    global _pool, _pooled
    cdef Chunk *chunk
    if room <= CHUNK_ROOM and _pool != NULL:
        chunk = _pool
        _pool = chunk.next
        _pooled -= 1
    else:
        chunk = <Chunk *>malloc(sizeof(Chunk) + room)
        if chunk == NULL:
            raise MemoryError
        chunk.room = room
    chunk.next = NULL
    chunk.start = chunk.used = 0
    return chunk


cdef void free_chunk(Chunk *chunk) noexcept:
    global _pool, _pooled
    if chunk.room == CHUNK_ROOM and _pooled < POOL_MAX:
        chunk.next = _pool
        _pool = chunk
        _pooled += 1
    else:
        free(chunk)


cdef class Outbound:
    cdef public object client, gate
    cdef object server
    cdef public Py_ssize_t limit, stall_limit, in_transport
    cdef public long long out_msgs, out_bytes
    cdef public bint blocked, dirty
    cdef Chunk *first
    cdef Chunk *last
    cdef Py_ssize_t size
    # The block of ``receive`` in which ``over`` was called last.
    cdef long long over_in

    def __cinit__(self):
        self.first = self.last = NULL

    def __init__(self, client, Py_ssize_t limit, Py_ssize_t stall_limit):
        self.client = client
        self.server = client.server
        self.limit = limit
        self.stall_limit = stall_limit

    def __dealloc__(self):
        self.clear()

    cdef void clear(self) noexcept:
        cdef Chunk *chunk = self.first
        while chunk != NULL:
            self.first = chunk.next
            free_chunk(chunk)
            chunk = self.first
        self.last = NULL
        self.size = 0

    cdef int make_room(self, Py_ssize_t size) except -1:
        """``size`` bytes fit into ``last`` when this returns."""
        cdef Chunk *chunk = self.last
        cdef Py_ssize_t room
        if chunk == NULL:
            self.first = self.last = new_chunk(max(size, FIRST_ROOM))
            return 0
        if chunk.room < CHUNK_ROOM and self.first == chunk:
            room = min(max(2 * chunk.room, chunk.used + size), CHUNK_ROOM)
            if room - chunk.used >= size:
                chunk = <Chunk *>realloc(chunk, sizeof(Chunk) + room)
                if chunk == NULL:
                    raise MemoryError
                chunk.room = room
                self.first = self.last = chunk
                return 0
        self.last.next = new_chunk(max(size, CHUNK_ROOM))
        self.last = self.last.next
        return 0

    cdef inline char *reserve(self, Py_ssize_t size) except NULL:
        """Where ``size`` more bytes must be written now."""
        cdef Chunk *chunk = self.last
        if UNLIKELY(chunk == NULL or chunk.room - chunk.used < size):
            self.make_room(size)
            chunk = self.last
        cdef char *place = chunk.data + chunk.used
        chunk.used += size
        self.size += size
        return place

    @property
    def pending_bytes(self):
        return self.size + self.in_transport

    def put(self, bytes data not None):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        if size:
            memcpy(self.reserve(size), PyBytes_AS_STRING(data), size)

    def take(self, Py_ssize_t most=-1):
        cdef Py_ssize_t wanted = self.size, done = 0, part
        cdef Chunk *chunk = self.first
        cdef bytes taken
        if 0 <= most < wanted:
            wanted = most
        if wanted == 0:
            return []
        taken = PyBytes_FromStringAndSize(NULL, wanted)
        while done < wanted:
            part = min(chunk.used - chunk.start, wanted - done)
            memcpy(PyBytes_AS_STRING(taken) + done, chunk.data + chunk.start, part)
            done += part
            chunk = chunk.next
        self.consume(wanted)
        return [taken]

    def views(self):
        cdef Chunk *chunk = self.first
        cdef list found = []
        while chunk != NULL and len(found) < 64:
            if chunk.used > chunk.start:
                found.append(PyMemoryView_FromMemory(chunk.data + chunk.start, chunk.used - chunk.start, PyBUF_READ))
            chunk = chunk.next
        return found

    cpdef consume(self, Py_ssize_t size):
        cdef Chunk *chunk
        cdef Py_ssize_t part
        while size and self.first != NULL:
            chunk = self.first
            part = min(chunk.used - chunk.start, size)
            chunk.start += part
            self.size -= part
            size -= part
            if chunk.start == chunk.used:
                self.first = chunk.next
                if self.first == NULL:
                    self.last = NULL
                free_chunk(chunk)

    cdef inline int append(
        self, const char *head, Py_ssize_t head_size, const char *rest, Py_ssize_t rest_size, Py_ssize_t size,
        publisher, long long block,
    ) except -1:
        """One message of ``size`` from ``publisher``. ``over`` is told once for each block, which 0 is none of."""
        global _over_was_called
        cdef char *to = self.reserve(head_size + rest_size)
        memcpy(to, head, head_size)
        memcpy(to + head_size, rest, rest_size)
        self.out_msgs += 1
        self.out_bytes += size
        if not self.dirty:
            self.server.mark(self)
        if UNLIKELY(self.size + self.in_transport > self.stall_limit):
            if block == 0 or self.over_in != block or self.size + self.in_transport > self.limit:
                self.over_in = block
                _over_was_called = True
                self.server.over(self, publisher)
        return 0

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
        self.clear()
