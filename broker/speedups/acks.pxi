"""Acknowledgements that say nothing but that: by far the most of what clients say to a consumer."""

cdef object _acks_receive = None


cdef class AckIntake:
    cdef object _consumer

    def __init__(self, consumer):
        self._consumer = consumer

    def receive(self, Message message not None):
        if PyBytes_GET_SIZE(message.reply) or not is_plain_ack(message.payload) or not self.settle(message.subject):
            self.receive_any(message)

    def receive_any(self, Message message not None):
        global _acks_receive
        if _acks_receive is None:
            from broker.jetstream import consumer_acks
            _acks_receive = consumer_acks.receive
        _acks_receive(self._consumer, message)
        if not self._consumer.flush_wanted:
            self._consumer.flush_later()

    cdef bint settle(self, bytes subject) except -1:
        """False when there is more to it."""
        cdef const char *at = PyBytes_AS_STRING(subject)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(subject), start = after_dots(at, size, 5)
        cdef ConsumerState state
        cdef long long seq = 0, limit
        consumer = self._consumer
        ledger = consumer.ledger
        record, terms = ledger.record, ledger.terms
        if not start or terms.ack_policy != "explicit" or consumer.config.sample_freq:
            return False
        while start < size and c"0" <= at[start] <= c"9" and seq < 100_000_000_000_000_000:
            seq = 10 * seq + (at[start] - c"0")
            start += 1
        state = record.state
        if start == size or at[start] != c"." or not 0 < seq <= state.delivered_stream_seq:
            return False
        if state.pending.find(seq) == NULL:
            return False
        limit = terms.max_ack_pending
        stalled = limit > 0 and state.pending.count >= limit
        state.settle(seq)
        changes = record.changes
        if changes is not None:
            (<ChangeLog>changes).add(ACKED, seq, 0, 0)
        if ledger._queued:
            ledger._queued.discard(seq)
        consumer.settled((seq,))
        if stalled:
            consumer.wake()
        consumer.acked_ns = consumer.engine.now_ns()
        if not consumer.flush_wanted:
            consumer.flush_later()
        return True


cdef inline bint is_plain_ack(bytes word) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(word)
    cdef const char *text = PyBytes_AS_STRING(word)
    return size == 0 or (size == 4 and memcmp(text, b"+ACK", 4) == 0) or (size == 3 and memcmp(text, b"+OK", 3) == 0)
