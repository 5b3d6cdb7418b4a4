"""From a block of bytes to the buffers of those who receive its publishes."""

cdef object _publish = None
# Counts the blocks, so that ``over`` is called once for each receiver and block.
cdef long long _block = 0


cdef struct Publish:
    # Offsets into the block: subject, what stands behind it, reply (without reply: empty), payload, end of it.
    Py_ssize_t subject, subject_size, rest, reply_size, payload, stop
    Py_ssize_t header_size, size


cdef class Sender:
    """The client whose block it is: what its publishes are held against, and what they have added up to."""

    cdef object client, account, permissions, random, server, sublist
    cdef dict cache, literals
    cdef Match match
    # Of the publish that ``match`` was found for, where that is one for a family of subjects.
    cdef bytes subject
    # The family of the last acknowledgement: how its subjects begin, who receives them, as of which generation.
    cdef bytes acks
    cdef Match acks_match
    cdef long long acks_generation
    cdef Py_ssize_t max_payload, line_max
    cdef bint quick, headers, no_responders
    cdef long long in_msgs, in_bytes, out_msgs, out_bytes, hits

    def __cinit__(self, client):
        self.client = client
        self.server = client.server
        self.load()

    cdef int load(self) except -1:
        """After whatever may have changed the client."""
        client = self.client
        self.account = client.account
        self.random = self.account.random
        self.sublist = self.account.sublist
        self.cache, self.literals = self.sublist.cache, self.sublist._literals
        self.permissions = client.permissions
        self.quick = client.takes_shortcut
        self.headers = client.headers
        self.max_payload = client.max_payload
        self.line_max = self.server.options.max_control_line
        self.no_responders = client.options.no_responders
        self.match = self.subject = self.acks = None
        return 0

    cdef int count(self) except -1:
        """Tell everybody's counters."""
        cdef Counters totals
        client = self.client
        if self.in_msgs:
            client.in_msgs += self.in_msgs
            client.in_bytes += self.in_bytes
            for totals in (self.account.stats, self.server.stats):
                totals.in_msgs += self.in_msgs
                totals.in_bytes += self.in_bytes
                totals.out_msgs += self.out_msgs
                totals.out_bytes += self.out_bytes
            if self.hits:
                self.sublist.matches += self.hits
                self.sublist.cache_hits += self.hits
            self.in_msgs = self.in_bytes = self.out_msgs = self.out_bytes = self.hits = 0
        return 0

    cdef bint find(self, const char *subject, Py_ssize_t size) except -1:
        """Set ``match``; False when a rule of the careful way says no, or something about it."""
        cdef bytes key = PyBytes_FromStringAndSize(subject, size)
        cdef PyObject *known
        self.match = self.subject = None
        if self.permissions is not None and not self.permissions.may_publish(key):
            return False
        if size > 8 and memcmp(subject, b"$JS.ACK.", 8) == 0 and self.find_acks(key):
            return True
        known = PyDict_GetItem(self.cache, key)
        if known != NULL:
            self.hits += 1
            match = <Match>known
        else:
            match = self.sublist.match(key)
        if not (<Match>match).publishable:
            return False
        self.match = match
        return True

    cdef bint find_acks(self, bytes key) except -1:
        """``find`` for an acknowledgement's subject, which comes once: all of a consumer's have one answer."""
        cdef const char *subject = PyBytes_AS_STRING(key)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(key), start = after_dots(subject, size, 4)
        cdef Match match
        if not start or not is_five_numbers(subject + start, size - start):
            return False
        if (
            self.acks is None or PyBytes_GET_SIZE(self.acks) != start
            or memcmp(subject, PyBytes_AS_STRING(self.acks), start) != 0
            or self.acks_generation != <long long>self.sublist.generation
        ):
            self.acks = key[:start]
            self.acks_match = self.sublist.family(self.acks, 5)
            self.acks_generation = self.sublist.generation
        match = self.acks_match
        if (
            match is None or match.lanes.count or match.group_count or not match.publishable
            or PyDict_GetItem(self.literals, key) != NULL
        ):
            return False
        self.hits += 1
        self.match, self.subject = match, key
        return True

    cdef int append(self, Lane *lane, Publish *publish, const char *data) except -1:
        """One message for one receiver."""
        cdef int plain = publish.header_size == 0
        (<Outbound>lane.outbound).append(
            lane.head + plain, lane.head_size - plain, data + publish.rest, publish.stop + 2 - publish.rest,
            publish.size, self.client, _block,
        )
        (<SubscriptionFields>lane.sub).msgs += 1
        self.out_msgs += 1
        self.out_bytes += publish.size
        return 0

    cdef int deliver(self, Publish *publish, const char *data) except -1:
        cdef Match match = self.match
        cdef Py_ssize_t i, count
        cdef bint careful = publish.header_size > 0 and not match.headers
        cdef Group *group
        self.in_msgs += 1
        self.in_bytes += publish.size
        if not careful:
            for i in range(match.lanes.count):
                self.append(&match.lanes.lanes[i], publish, data)
            for i in range(match.group_count):
                group = &match.groups[i]
                count = <Py_ssize_t>(<double>self.random() * group.count)
                self.append(&group.lanes[count], publish, data)
            if LIKELY(not match.extra):
                return 0
        return self.deliver_extra(publish, data, careful)

    cdef int deliver_extra(self, Publish *publish, const char *data, bint careful) except -1:
        """What the lanes can't do, for one message."""
        cdef Match match = self.match
        cdef Py_ssize_t middle = publish.payload + publish.header_size
        cdef bint delivered
        message = Message(
            match.subject if self.subject is None else self.subject,
            PyBytes_FromStringAndSize(data + publish.rest, publish.reply_size),
            PyBytes_FromStringAndSize(data + publish.payload, publish.header_size),
            PyBytes_FromStringAndSize(data + middle, publish.stop - middle),
            self.client,
        )
        if careful:
            delivered = match.deliver_to(message, self.random, match.plain, match.queues)
        else:
            delivered = match.deliver_to(message, self.random, match.others, match.slow_queues)
            delivered = delivered or match.lanes.count or match.group_count
        if not delivered:
            self.client.nobody_took(message)
        return 0


cdef inline Py_ssize_t after_dots(const char *subject, Py_ssize_t size, int dots) noexcept:
    """Where the token after so many dots begins; 0 when there is none."""
    cdef Py_ssize_t at
    for at in range(size):
        if subject[at] == c".":
            dots -= 1
            if dots == 0:
                return at + 1
    return 0


cdef inline bint is_five_numbers(const char *text, Py_ssize_t size) noexcept:
    """Digits, four times followed by a dot."""
    cdef Py_ssize_t at, first = 0
    cdef int dots = 0
    for at in range(size):
        if text[at] == c".":
            if at == first:
                return False
            dots += 1
            first = at + 1
        elif not c"0" <= text[at] <= c"9":
            return False
    return dots == 4 and first < size


cdef inline Py_ssize_t digits_back(const char *data, Py_ssize_t first, Py_ssize_t *last) noexcept:
    """The number that ends before ``last``, which is moved to its first digit; -1 when it is none as MSG repeats it."""
    cdef Py_ssize_t value = 0, scale = 1, at = last[0], end = last[0]
    while at > first and c"0" <= data[at - 1] <= c"9":
        at -= 1
        value += scale * (data[at] - c"0")
        scale *= 10
        if end - at > 9:
            return -1
    if at == end or (data[at] == c"0" and end - at > 1):
        return -1
    last[0] = at
    return value


cdef inline int read_line(const char *data, Py_ssize_t pos, Py_ssize_t line_end, Sender sender, Publish *publish) except -1:
    """1: a publish in its usual form, with ``sender.match`` set; 0: the careful way must look at it."""
    cdef Py_ssize_t at = line_end - 1, first, i
    cdef Match match = sender.match
    cdef const char *subject
    cdef const char *space
    cdef bint with_header = data[pos] == c"H"
    if data[at] != c"\r" or line_end + 1 - pos > sender.line_max or (with_header and not sender.headers):
        return 0
    first = pos + (5 if with_header else 4)
    subject = data + first
    if (
        LIKELY(match is not None) and not match.stale and sender.subject is None
        and PyBytes_GET_SIZE(match.subject) < at - first
        and subject[PyBytes_GET_SIZE(match.subject)] == c" "
        and memcmp(subject, PyBytes_AS_STRING(match.subject), PyBytes_GET_SIZE(match.subject)) == 0
    ):
        publish.subject_size = PyBytes_GET_SIZE(match.subject)
    else:
        space = <const char *>memchr(subject, c" ", at - first)
        if space == NULL or space == subject:
            return 0
        publish.subject_size = space - subject
        match = None
    publish.subject = first
    publish.rest = first + publish.subject_size + 1
    while publish.rest < at and data[publish.rest] == c" ":  # nats.py leaves the place of a reply empty
        publish.rest += 1
    publish.size = digits_back(data, publish.rest, &at)
    publish.header_size = 0
    if publish.size < 0 or publish.size > sender.max_payload:
        return 0
    if with_header:
        if at - 1 <= publish.rest or data[at - 1] != c" ":
            return 0
        at -= 1
        publish.header_size = digits_back(data, publish.rest, &at)
        if publish.header_size <= 0 or publish.header_size > publish.size:
            return 0
    publish.reply_size = at - publish.rest
    if publish.reply_size:
        publish.reply_size -= 1
        if publish.reply_size == 0 or data[at - 1] != c" " or not is_reply(data + publish.rest, publish.reply_size):
            return 0
    if match is None and not sender.find(subject, publish.subject_size):
        return 0
    if publish.reply_size and sender.no_responders and not sender.match.interest:
        return 0
    publish.payload = line_end + 1
    publish.stop = publish.payload + publish.size
    return 1


cdef inline bint is_reply(const char *reply, Py_ssize_t size) noexcept:
    """One word, and none of those that belong to the server."""
    cdef Py_ssize_t i
    for i in range(size):
        if reply[i] == c" " or reply[i] == c"\t" or reply[i] == c"\r":
            return False
    if reply[0] == c"_":
        return not (size >= 4 and memcmp(reply, b"_R_.", 4) == 0) and not (size >= 5 and memcmp(reply, b"_GR_.", 5) == 0)
    return not (reply[0] == c"$" and size >= 8 and memcmp(reply, b"$JS.ACK.", 8) == 0)


cdef inline bint is_traced(const char *header, Py_ssize_t size) noexcept:
    """Whether the header names where to trace to; see core.message_trace."""
    cdef const char *at = header
    cdef const char *last = header + size - 15
    while at <= last:
        at = <const char *>memchr(at, c"N", last - at + 1)
        if at == NULL:
            return False
        if memcmp(at, b"Nats-Trace-Dest", 15) == 0:
            return True
        at += 1
    return False


cdef int receive_bytes(client, const char *data, Py_ssize_t end) except -1:
    global _block, _over_was_called
    cdef Sender sender = Sender(client)
    cdef Publish publish
    cdef Py_ssize_t pos = 0
    cdef const char *line_end
    cdef bytes copy = None
    _block += 1
    try:
        while pos < end:
            if sender.quick and end - pos > 5 and (data[pos] == c"P" or data[pos] == c"H"):
                if (data[pos] == c"P" and memcmp(data + pos, b"PUB ", 4) == 0) or memcmp(data + pos, b"HPUB ", 5) == 0:
                    line_end = <const char *>memchr(data + pos + 5, c"\n", end - pos - 5)
                    if line_end != NULL and read_line(data, pos, line_end - data, sender, &publish):
                        if UNLIKELY(
                            publish.stop + 2 > end or data[publish.stop] != c"\r" or data[publish.stop + 1] != c"\n"
                        ):
                            rest = PyBytes_FromStringAndSize(data + pos, end - pos)
                            _publish.keep_or_refuse(client, rest, 0, publish.stop - pos)
                            return 0
                        if publish.header_size == 0 or not is_traced(data + publish.payload, publish.header_size):
                            sender.deliver(&publish, data)
                            pos = publish.stop + 2
                            if UNLIKELY(sender.match.extra or _over_was_called):
                                _over_was_called = False
                                if client.closed:
                                    return 0
                            continue
            if copy is None:
                copy = PyBytes_FromStringAndSize(data, end)
            sender.count()
            pos = _publish.one_operation(client, copy, pos)
            if pos < 0:
                return 0
            sender.load()
    finally:
        sender.count()
    return 0


def receive(client, block):
    """See the twin, broker.core.receive.receive."""
    global _publish
    cdef Py_buffer buffer
    cdef bytes data
    cdef bytes joined
    if _publish is None:
        from broker.core import publish
        _publish = publish
    tail = client.tail
    if tail:
        if len(tail) + len(block) < client.tail_needs:
            if not isinstance(tail, bytearray):
                client.tail = tail = bytearray(tail)
            tail += block
            return
        client.tail = b""
        client.tail_needs = 0
        joined = b"".join((tail, block))
        receive_bytes(client, PyBytes_AS_STRING(joined), PyBytes_GET_SIZE(joined))
        return
    PyObject_GetBuffer(block, &buffer, PyBUF_SIMPLE)
    try:
        receive_bytes(client, <const char *>buffer.buf, buffer.len)
    finally:
        PyBuffer_Release(&buffer)
