"""A publish to a stream that asks nothing special."""

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
    cdef public object store, republish, age_timer
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
        cdef Py_ssize_t size = PyBytes_GET_SIZE(message.payload)
        cdef Appending store
        cdef long long seq
        if (
            not self.plain or PyBytes_GET_SIZE(message.header) or message.via or is_of_fast_batch(message.reply)
            or not isinstance(stream.store, Appending)
        ):
            return self.receive_any(message)
        store = stream.store
        if (
            size > self._message_max
            or store.error
            or stream.republish is not None
            or (self._aging and stream.age_timer is None)
            or stream.buffered_bytes > self._buffered_bytes
            or (<IndexEntries>store.index).last_seq - store.committed_seq > self._buffered_msgs
            or self.is_full(
                (<IndexEntries>store.index).bytes - stream.used + size + PyBytes_GET_SIZE(message.subject)
            )
        ):
            return self.receive_any(message)
        seq = store.put(message.subject, b"", message.payload, self.time_after(store.index), 0, 0, 0, False)
        if self.limited:
            self.enforce(store, message.subject)
        stream.buffered_bytes += size
        stream.last_msg_id = b""
        if not stream.touched:
            stream.touch()
        if PyBytes_GET_SIZE(message.reply):
            stream.acks.append((message.reply, self.answer(seq)))

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

    cdef long long time_after(self, IndexEntries index) except? -1:
        cdef long long now_ns = self._engine.now_ns()
        return max(now_ns, index.last_time_ns)

    cdef bytes answer(self, long long seq):
        cdef char digits[24]
        cdef Py_ssize_t head = PyBytes_GET_SIZE(self.ack_head), count = put_decimal(digits, seq) - digits
        cdef bytes text = PyBytes_FromStringAndSize(NULL, head + count + 1)
        cdef char *at = PyBytes_AS_STRING(text)
        memcpy(at, PyBytes_AS_STRING(self.ack_head), head)
        memcpy(at + head, digits, count)
        at[head + count] = c"}"
        return text

    cdef int enforce(self, Appending store, bytes subject) except -1:
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
            store.take_out(subjects.first_of(subject), False)
        return 0


cdef inline bint is_of_fast_batch(bytes reply) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(reply)
    return size >= 4 and memcmp(PyBytes_AS_STRING(reply) + size - 4, b".$FI", 4) == 0
