"""Who receives one subject, as an array of C structs."""

cdef class Match:
    cdef readonly bytes subject
    cdef readonly tuple queues, plain, taps, direct, others, slow_queues
    cdef readonly bint publishable, extra, interest, headers
    cdef public bint stale
    cdef Group *groups
    cdef Py_ssize_t group_count
    cdef Group lanes

    def __cinit__(self):
        self.groups = NULL
        self.lanes.lanes = NULL

    def __init__(self, bytes subject not None, plain, queues):
        cdef list fast = [], slow = [], direct = [], others = [], taps = [], interested = []
        cdef tuple group
        cdef SubscriptionFields sub
        self.subject = subject
        self.publishable = is_publishable(subject)
        for sub in plain:
            if sub.tap:
                taps.append(sub)
                continue
            interested.append(sub)
            (direct if sub.is_direct() else others).append(sub)
        self.plain, self.others, self.taps = tuple(interested), tuple(others), tuple(taps)
        self.direct = tuple(direct) if others else self.plain
        self.queues = tuple([tuple(members) for members in queues])
        for group in self.queues:
            for sub in group:
                if not sub.is_direct():
                    slow.append(group)
                    break
            else:
                fast.append(group)
        self.slow_queues = tuple(slow)
        self.extra = bool(others or slow or taps)
        self.interest = bool(interested or self.queues)
        self.headers = True
        self.fill(&self.lanes, self.direct)
        if fast:
            self.groups = <Group *>malloc(len(fast) * sizeof(Group))
            if self.groups == NULL:
                raise MemoryError
            for group in fast:
                self.groups[self.group_count].lanes = NULL
                self.group_count += 1
                self.fill(&self.groups[self.group_count - 1], group)

    def __dealloc__(self):
        cdef Py_ssize_t i
        free_lanes(&self.lanes)
        for i in range(self.group_count):
            free_lanes(&self.groups[i])
        free(self.groups)

    cdef int fill(self, Group *group, tuple subs) except -1:
        cdef SubscriptionFields sub
        cdef Outbound outbound
        cdef Lane *lane
        group.count = 0
        if not subs:
            return 0
        group.lanes = <Lane *>malloc(len(subs) * sizeof(Lane))
        if group.lanes == NULL:
            raise MemoryError
        for sub in subs:
            client = sub.client
            outbound = client.outbound
            if not client.headers:
                self.headers = False
            lane = &group.lanes[group.count]
            lane.outbound, lane.sub = <PyObject *>outbound, <PyObject *>sub
            sub.header_head(self.subject, lane)
            group.count += 1
        return 0

    @property
    def weight(self):
        return 1 + len(self.plain) + sum([len(group) for group in self.queues])

    def deliver(self, Message message not None, account):
        cdef bint delivered
        if message.via or not (self.lanes.count or self.group_count) or (message.header and not self.headers):
            return self.deliver_to(message, account.random, self.plain, self.queues)
        delivered = self.append(message, account)
        if self.extra and self.deliver_to(message, account.random, self.others, self.slow_queues):
            delivered = True
        return delivered

    cdef bint append(self, Message message, account) except -1:
        """To all lanes, with its own subject, which needn't be the one that was matched."""
        cdef bytes body = message.body()
        cdef Counters totals = account.stats
        cdef Py_ssize_t i, size = PyBytes_GET_SIZE(message.header) + PyBytes_GET_SIZE(message.payload)
        cdef bint shown = message.subject != self.subject
        cdef long long count = self.lanes.count + self.group_count
        cdef Group *group
        for i in range(self.lanes.count):
            self.append_to(&self.lanes.lanes[i], message, body, size, shown)
        for i in range(self.group_count):
            group = &self.groups[i]
            self.append_to(
                &group.lanes[<Py_ssize_t>(<double>account.random() * group.count)], message, body, size, shown
            )
        totals.out_msgs += count
        totals.out_bytes += count * size
        return True

    cdef int append_to(self, Lane *lane, Message message, bytes body, Py_ssize_t size, bint shown) except -1:
        cdef Outbound outbound = <Outbound>lane.outbound
        cdef Counters totals = outbound.server.stats
        cdef int plain = PyBytes_GET_SIZE(message.header) == 0
        cdef const char *head = lane.head
        cdef Py_ssize_t head_size = lane.head_size
        cdef Lane own
        own.head = NULL
        if shown:
            (<SubscriptionFields>lane.sub).header_head(message.subject, &own)
            head, head_size = own.head, own.head_size
        (<SubscriptionFields>lane.sub).msgs += 1
        totals.out_msgs += 1
        totals.out_bytes += size
        outbound.append(
            head + plain, head_size - plain, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), size, message.publisher, 0
        )
        free(own.head)
        return 0

    cdef bint deliver_to(self, message, random, tuple plain, tuple queues) except -1:
        cdef bint delivered = False
        cdef Py_ssize_t i, first, count
        for sub in self.taps:
            sub.deliver(message)
        for sub in plain:
            if sub.deliver(message):
                delivered = True
        for members in queues:
            count = len(members)
            first = int(random() * count)
            for i in range(first, first + count):
                if members[i % count].deliver(message):
                    delivered = True
                    break
        return delivered


cdef void free_lanes(Group *group) noexcept:
    cdef Py_ssize_t i
    for i in range(group.count):
        free(group.lanes[i].head)
    free(group.lanes)


cdef bint is_publishable(bytes subject) except -1:
    """A literal without empty or wildcard tokens or white space, and none of the server's own."""
    cdef const char *s = PyBytes_AS_STRING(subject)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(subject), i, first = 0
    if size == 0 or subject.startswith((b"$NRG.", b"_GR_.")):
        return False
    for i in range(size + 1):
        if i == size or s[i] == c".":
            if i == first or (i == first + 1 and (s[first] == c"*" or s[first] == c">")):
                return False
            first = i + 1
        elif s[i] == c" " or s[i] == c"\t" or s[i] == c"\r" or s[i] == c"\n" or s[i] == c"\f":
            return False
    return True
