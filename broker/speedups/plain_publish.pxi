"""A publish to a stream that asks nothing special."""

# As in broker.jetstream.plain_publish.
DEF HEADER_MAX = 65535

cdef object _trim = None


cdef inline char *put_decimal(char *at, unsigned long long number) noexcept:
    cdef char digits[24]
    cdef int count = 0
    while True:
        digits[count] = c"0" + <char>(number % 10)
        number //= 10
        count += 1
        if number == 0:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef class StreamFields:
    cdef public object store, republish, age_timer, duplicates
    cdef public bytes last_msg_id
    cdef public bint touched
    cdef public long long used, buffered_bytes
    cdef public list acks, told_of_removals

    def __init__(self):
        self.last_msg_id, self.acks, self.told_of_removals = b"", [], []


cdef class PlainIntake:
    cdef public StreamFields _stream
    cdef public object _account, _engine
    cdef public bint plain, limited, _limited_as_a_whole, _aging, _in_memory
    cdef public long long _per_subject, _message_max, _buffered_bytes, _server_max, _account_max, _buffered_msgs
    cdef public bytes ack_head

    def __init__(self, stream):
        self._stream = stream
        self._account, self._engine = stream.account, stream.account.engine
        self.ack_head = b""

    def receive(self, Message message not None):
        cdef StreamFields stream = self._stream
        cdef bytes header = message.header, msg_id = b""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(header) + PyBytes_GET_SIZE(message.payload)
        cdef IndexEntries index
        cdef long long seq, now_ns
        if not self.plain or message.via or is_of_fast_batch(message.reply):
            return self.receive_any(message)
        if PyBytes_GET_SIZE(header):
            msg_id = message_id(header)
            if msg_id is None or PyBytes_GET_SIZE(header) > HEADER_MAX:
                return self.receive_any(message)
        store = stream.store
        index = store.index
        now_ns = self._engine.now_ns()
        if (
            size > self._message_max
            or store.error
            or stream.republish is not None
            or (self._aging and stream.age_timer is None)
            or stream.buffered_bytes > self._buffered_bytes
            or index.last_seq - self.committed_seq(store) > self._buffered_msgs
            or self.is_full(index.bytes - stream.used + size + PyBytes_GET_SIZE(message.subject))
            or (PyBytes_GET_SIZE(msg_id) and stream.duplicates.find(msg_id, now_ns))
        ):
            return self.receive_any(message)
        now_ns = max(now_ns, index.last_time_ns)
        if isinstance(store, Appending):
            seq = (<Appending>store).put(message.subject, header, message.payload, now_ns, 0, 0, 0, False)
        else:
            seq = store.append(message.subject, header, message.payload, now_ns)
        if self.limited:
            self.enforce(store, message.subject)
        stream.buffered_bytes += size
        stream.last_msg_id = msg_id
        if PyBytes_GET_SIZE(msg_id):
            stream.duplicates.add(msg_id, seq, now_ns)
        if not stream.touched:
            stream.touch()
        if PyBytes_GET_SIZE(message.reply):
            stream.acks.append((message.reply, self.answer(seq)))

    cdef inline long long committed_seq(self, store) except? -1:
        return (<Appending>store).committed_seq if isinstance(store, Appending) else store.committed_seq

    cdef bint is_full(self, long long more) except -1:
        if self._in_memory:
            return (
                <long long>self._engine.memory_bytes > self._server_max
                or <long long>self._account.memory_bytes + more > self._account_max
            )
        return (
            <long long>self._engine.store_bytes > self._server_max
            or <long long>self._account.store_bytes + more > self._account_max
        )

    cdef bytes answer(self, long long seq):
        cdef char digits[24]
        cdef Py_ssize_t head = PyBytes_GET_SIZE(self.ack_head), count = put_decimal(digits, seq) - digits
        cdef bytes text = PyBytes_FromStringAndSize(NULL, head + count + 1)
        cdef char *at = PyBytes_AS_STRING(text)
        memcpy(at, PyBytes_AS_STRING(self.ack_head), head)
        memcpy(at + head, digits, count)
        at[head + count] = c"}"
        return text

    cdef int enforce(self, store, bytes subject) except -1:
        """``broker.jetstream.trim.enforce``; here what is no more than as many messages of a subject."""
        global _trim
        cdef SubjectEntries subjects
        if self._limited_as_a_whole or self._stream.told_of_removals or self._stream.consumers._by_name:
            if _trim is None:
                from broker.jetstream import trim
                _trim = trim
            _trim.enforce(self._stream, subject)
            return 0
        subjects = (<IndexEntries>store.index).subjects
        while subjects.count(subject) > self._per_subject:
            store.remove(subjects.first_of(subject))
        return 0


cdef inline bint is_of_fast_batch(bytes reply) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(reply)
    return size >= 4 and memcmp(PyBytes_AS_STRING(reply) + size - 4, b".$FI", 4) == 0


def message_id(bytes header not None):
    """``broker.jetstream.plain_publish.message_id``"""
    cdef const char *begin = PyBytes_AS_STRING(header)
    cdef const char *end = begin + PyBytes_GET_SIZE(header)
    cdef const char *own = find_own(begin, end)
    cdef const char *stop
    if own == NULL:
        return b""
    if end - own < 14 or memcmp(own, b"\r\nNats-Msg-Id:", 14) != 0 or find_own(own + 2, end) != NULL:
        return None
    own += 14
    stop = <const char *>memmem(own, end - own, b"\r\n", 2)
    if stop == NULL or memcmp(begin, b"NATS/1.0", 8) != 0:
        return None
    while own < stop and (own[0] == c" " or own[0] == c"\t"):
        own += 1
    while own < stop and (stop[-1] == c" " or stop[-1] == c"\t"):
        stop -= 1
    return PyBytes_FromStringAndSize(own, stop - own) if own < stop else None


cdef inline const char *find_own(const char *at, const char *end) noexcept:
    """The next field whose name begins with ``Nats-``, with the end of the line before it."""
    return <const char *>memmem(at, end - at, b"\r\nNats-", 7)
