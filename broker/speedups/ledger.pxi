"""A consumer's state: what was delivered, what waits for its acknowledgement, and the log of changes."""

cdef enum:
    FLOOR = 1, DELIVERED, PENDING, ACKED, RESET, EXHAUSTED, TOUCHED, RUN, ACKED_RUN
    OPERATION_BYTES = 25

# An array that nothing is in any more is given back above this many rows.
DEF WAITS_KEPT = 65536

cdef object _pending_type = None


cdef object pending_of(Wait *wait):
    """``broker.storage.consumer_state.Pending``"""
    global _pending_type
    if _pending_type is None:
        from broker.storage.consumer_state import Pending
        _pending_type = Pending
    return _pending_type(wait.consumer_seq, wait.time_ns, wait.deliveries)


cdef struct Wait:
    long long seq, consumer_seq, time_ns
    int deliveries
    # False: it was settled, and its row is still there.
    bint lives


cdef class PendingMessages:
    """Rows in ascending order of sequence in waits[head:end]; the first and the last one live."""

    cdef Wait *waits
    cdef Py_ssize_t head, end, room, count

    def __cinit__(self):
        self.waits = NULL

    def __dealloc__(self):
        free(self.waits)

    # For the compiled side --------------------------------------------------------------------------

    cdef Py_ssize_t place(self, long long seq) noexcept:
        """Of the first row that isn't below ``seq``."""
        cdef Py_ssize_t low = self.head, high = self.end, middle
        if low == high or seq > self.waits[high - 1].seq:
            return high
        if seq <= self.waits[low].seq:
            return low
        if seq - self.waits[low].seq < high - low:
            middle = low + <Py_ssize_t>(seq - self.waits[low].seq)
            if self.waits[middle].seq == seq:
                return middle
        while low < high:
            middle = (low + high) // 2
            if self.waits[middle].seq < seq:
                low = middle + 1
            else:
                high = middle
        return low

    cdef Wait *find(self, long long seq) noexcept:
        cdef Py_ssize_t at = self.place(seq)
        if at < self.end and self.waits[at].seq == seq and self.waits[at].lives:
            return &self.waits[at]
        return NULL

    cdef int make_room(self, Py_ssize_t more) except -1:
        """So many rows fit behind ``end`` when this returns."""
        cdef Py_ssize_t at, kept = 0, room
        cdef Wait *waits
        if self.room - self.end >= more:
            return 0
        if self.end > 2 * self.count:
            for at in range(self.head, self.end):
                if self.waits[at].lives:
                    self.waits[kept] = self.waits[at]
                    kept += 1
            self.head, self.end = 0, kept
            if self.room - self.end >= more:
                return 0
        room = max(self.end + more, 2 * self.room, 16)
        waits = <Wait *>realloc(self.waits, room * sizeof(Wait))
        if waits == NULL:
            raise MemoryError
        self.waits, self.room = waits, room
        return 0

    cdef int put(self, long long seq, long long consumer_seq, long long time_ns) except -1:
        """A new one, delivered once."""
        cdef Py_ssize_t at
        cdef Wait *wait
        self.make_room(1)
        at = self.place(seq)
        if at == self.end or self.waits[at].seq != seq:
            memmove(&self.waits[at + 1], &self.waits[at], (self.end - at) * sizeof(Wait))
            self.end += 1
        wait = &self.waits[at]
        wait.seq, wait.consumer_seq, wait.time_ns, wait.deliveries, wait.lives = seq, consumer_seq, time_ns, 1, True
        self.count += 1
        return 0

    cdef int put_run(self, long long first, long long last, long long consumer_seq, long long time_ns) except -1:
        cdef Wait *wait
        cdef long long seq
        if self.end > self.head and first <= self.waits[self.end - 1].seq:
            for seq in range(first, last + 1):
                wait = self.find(seq)
                if wait == NULL:
                    self.put(seq, consumer_seq + seq - first, time_ns)
                else:
                    wait.consumer_seq, wait.time_ns, wait.deliveries = consumer_seq + seq - first, time_ns, 1
            return 0
        self.make_room(<Py_ssize_t>(last - first + 1))
        for seq in range(first, last + 1):
            wait = &self.waits[self.end]
            wait.seq, wait.consumer_seq, wait.time_ns = seq, consumer_seq + seq - first, time_ns
            wait.deliveries, wait.lives = 1, True
            self.end += 1
        self.count += <Py_ssize_t>(last - first + 1)
        return 0

    cdef void drop(self, Wait *wait) noexcept:
        """It waits no more."""
        wait.lives = False
        self.count -= 1
        if self.count == 0:
            self.empty()
            return
        while not self.waits[self.head].lives:
            self.head += 1
        while not self.waits[self.end - 1].lives:
            self.end -= 1

    cdef void empty(self) noexcept:
        self.head = self.end = self.count = 0
        if self.room > WAITS_KEPT:
            free(self.waits)
            self.waits = NULL
            self.room = 0

    # As the twin's ----------------------------------------------------------------------------------

    def __len__(self):
        return self.count

    def __contains__(self, seq):
        return self.find(seq_of(seq)) != NULL

    def __getitem__(self, seq):
        cdef Wait *wait = self.find(seq_of(seq))
        if wait == NULL:
            raise KeyError(seq)
        return pending_of(wait)

    def get(self, seq, default=None):
        cdef Wait *wait = self.find(seq_of(seq))
        return default if wait == NULL else pending_of(wait)

    def keys(self):
        cdef Py_ssize_t at
        return [self.waits[at].seq for at in range(self.head, self.end) if self.waits[at].lives]

    def values(self):
        cdef Py_ssize_t at
        return [pending_of(&self.waits[at]) for at in range(self.head, self.end) if self.waits[at].lives]

    def items(self):
        return list(zip(self.keys(), self.values()))

    def __iter__(self):
        return iter(self.keys())

    def __eq__(self, other):
        if not isinstance(other, (dict, PendingMessages)):
            return NotImplemented
        return dict(self.items()) == dict(other.items())

    __hash__ = None

    def __repr__(self):
        return repr(dict(self.items()))

    def first(self):
        return self.waits[self.head].seq if self.count else 0

    def expired(self, long long now_ns, waits_ns, but):
        cdef Py_ssize_t at, last = len(waits_ns) - 1
        cdef long long due_ns = 0, end_ns, usual_ns = waits_ns[0]
        cdef bint several = last > 0, some = bool(but)
        cdef list found = []
        cdef Wait *wait
        for at in range(self.head, self.end):
            wait = &self.waits[at]
            if not wait.lives or (some and wait.seq in but):
                continue
            if several:
                usual_ns = waits_ns[min(max(wait.deliveries - 1, 0), last)]
            end_ns = wait.time_ns + usual_ns
            if end_ns <= now_ns:
                found.append(wait.seq)
            elif due_ns == 0 or end_ns < due_ns:
                due_ns = end_ns
        return found, due_ns


cdef long long seq_of(object number) except? -1:
    """Of whatever a client may have sent; one that nothing has when it's too long."""
    cdef int overflow = 0
    cdef long long seq = PyLong_AsLongLongAndOverflow(number, &overflow)
    return 0 if overflow else seq


cdef class ConsumerState:
    cdef public long long delivered_consumer_seq, delivered_stream_seq, floor_consumer_seq, floor_stream_seq
    cdef readonly PendingMessages pending
    cdef readonly dict exhausted

    def __cinit__(self):
        self.pending = PendingMessages()
        self.exhausted = {}

    def __eq__(self, other):
        cdef ConsumerState its
        if not isinstance(other, ConsumerState):
            return NotImplemented
        its = other
        return (
            self.delivered_consumer_seq == its.delivered_consumer_seq
            and self.delivered_stream_seq == its.delivered_stream_seq
            and self.floor_consumer_seq == its.floor_consumer_seq
            and self.floor_stream_seq == its.floor_stream_seq
            and self.pending == its.pending and self.exhausted == its.exhausted
        )

    __hash__ = None

    def __deepcopy__(self, memo):
        cdef ConsumerState copied = ConsumerState()
        copied.apply_all(self.snapshot())
        return copied

    cpdef apply(self, int kind, long long stream_seq, long long consumer_seq, long long value):
        cdef Wait *wait
        cdef long long seq
        if kind == PENDING:
            self.delivered(stream_seq, consumer_seq)
            wait = self.pending.find(stream_seq)
            if wait == NULL:
                self.pending.put(stream_seq, consumer_seq, value)
            else:
                wait.time_ns = value
                wait.deliveries += 1
        elif kind == RUN:
            seq = self.delivered_consumer_seq + 1
            self.pending.put_run(stream_seq, consumer_seq, seq, value)
            self.delivered(consumer_seq, seq + consumer_seq - stream_seq)
        elif kind == ACKED:
            self.settle(stream_seq)
        elif kind == ACKED_RUN:
            for seq in range(stream_seq, consumer_seq + 1):
                self.settle(seq)
        elif kind == DELIVERED:
            self.delivered(stream_seq, consumer_seq)
        elif kind == FLOOR:
            self.raise_floor(stream_seq, consumer_seq)
        elif kind == TOUCHED:
            wait = self.pending.find(stream_seq)
            if wait != NULL:
                wait.time_ns = value
                wait.deliveries = <int>consumer_seq
        elif kind == EXHAUSTED:
            self.exhaust(stream_seq)
            self.exhausted[stream_seq] = consumer_seq
        elif kind == RESET:
            self.pending.empty()
            self.exhausted.clear()
            self.floor_stream_seq = self.delivered_stream_seq = stream_seq
            self.floor_consumer_seq = self.delivered_consumer_seq = consumer_seq

    def apply_all(self, bytes operations not None):
        cdef const char *at = PyBytes_AS_STRING(operations)
        cdef const char *end = at + PyBytes_GET_SIZE(operations)
        while end - at >= OPERATION_BYTES:
            self.apply(<unsigned char>at[0], get_number(at + 1), get_number(at + 9), get_number(at + 17))
            at += OPERATION_BYTES

    def snapshot(self):
        cdef ChangeLog found = ChangeLog()
        cdef Py_ssize_t at
        cdef Wait *wait
        found.append(FLOOR, self.floor_stream_seq, self.floor_consumer_seq, 0)
        found.append(DELIVERED, self.delivered_stream_seq, self.delivered_consumer_seq, 0)
        for at in range(self.pending.head, self.pending.end):
            wait = &self.pending.waits[at]
            if wait.lives:
                found.append(PENDING, wait.seq, wait.consumer_seq, wait.time_ns)
                if wait.deliveries != 1:
                    found.append(TOUCHED, wait.seq, wait.deliveries, wait.time_ns)
        for seq, deliveries in self.exhausted.items():
            found.append(EXHAUSTED, seq, deliveries, 0)
        return found.take()

    cdef void delivered(self, long long stream_seq, long long consumer_seq) noexcept:
        self.delivered_consumer_seq = max(self.delivered_consumer_seq, consumer_seq)
        self.delivered_stream_seq = max(self.delivered_stream_seq, stream_seq)

    cdef int settle(self, long long stream_seq) except -1:
        """1 when that changed something."""
        cdef Wait *wait = self.pending.find(stream_seq)
        cdef int found = 0
        if wait != NULL:
            found = 1
            self.pending.drop(wait)
            if self.pending.count == 0:
                self.floor_stream_seq = self.delivered_stream_seq
                self.floor_consumer_seq = self.delivered_consumer_seq
        if self.exhausted and self.exhausted.pop(stream_seq, None) is not None:
            found = 1
        return found

    cdef int exhaust(self, long long stream_seq) except -1:
        cdef Wait *wait = self.pending.find(stream_seq)
        cdef long long consumer_seq
        if wait == NULL:
            return 0
        consumer_seq = wait.consumer_seq
        self.pending.drop(wait)
        if self.pending.count == 0 and consumer_seq > self.floor_consumer_seq + 1:
            self.floor_stream_seq = stream_seq - 1
            self.floor_consumer_seq = consumer_seq - 1
        return 0

    cdef int raise_floor(self, long long stream_seq, long long consumer_seq) except -1:
        cdef PendingMessages pending = self.pending
        self.floor_stream_seq, self.floor_consumer_seq = stream_seq, consumer_seq
        while pending.count and pending.waits[pending.head].seq <= stream_seq:
            pending.drop(&pending.waits[pending.head])
        for seq in [seq for seq in self.exhausted if seq <= stream_seq]:
            del self.exhausted[seq]
        return 0


cdef class ChangeLog:
    cdef char *data
    cdef Py_ssize_t size, room

    def __cinit__(self):
        self.data = NULL

    def __dealloc__(self):
        free(self.data)

    def __len__(self):
        return self.size

    cdef int append(self, int kind, long long stream_seq, long long consumer_seq, long long value) except -1:
        cdef char *at
        cdef Py_ssize_t room
        if self.room - self.size < OPERATION_BYTES:
            room = max(2 * self.room, 64 * OPERATION_BYTES)
            at = <char *>realloc(self.data, room)
            if at == NULL:
                raise MemoryError
            self.data, self.room = at, room
        at = self.data + self.size
        at[0] = <char>kind
        put_number(at + 1, stream_seq)
        put_number(at + 9, consumer_seq)
        put_number(at + 17, value)
        self.size += OPERATION_BYTES
        return 0

    cpdef add(self, int kind, long long stream_seq, long long consumer_seq, long long value):
        cdef char *last
        if kind == ACKED and self.size:
            last = self.data + self.size - OPERATION_BYTES
            if last[0] == ACKED and get_number(last + 1) == stream_seq - 1:
                last[0] = ACKED_RUN
                put_number(last + 9, stream_seq)
                return
            if last[0] == ACKED_RUN and get_number(last + 9) == stream_seq - 1:
                put_number(last + 9, stream_seq)
                return
        self.append(kind, stream_seq, consumer_seq, value)

    cpdef bytes take(self):
        cdef bytes taken = PyBytes_FromStringAndSize(self.data, self.size)
        self.size = self.room = 0
        free(self.data)
        self.data = NULL
        return taken


cdef inline void put_number(char *at, long long number) noexcept:
    """Little endian, whatever the machine's own order is."""
    cdef int i
    for i in range(8):
        at[i] = <char>((<unsigned long long>number >> (8 * i)) & 0xFF)


cdef inline long long get_number(const char *at) noexcept:
    cdef unsigned long long number = 0
    cdef int i
    for i in range(8):
        number |= (<unsigned long long><unsigned char>at[i]) << (8 * i)
    return <long long>number
