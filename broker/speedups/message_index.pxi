"""What a stream's index changes with each message: columns by sequence, and sequences by subject."""

# As in broker.storage.subject_index.
DEF SLACK = 64
DEF FRESH_SLACK = 1024

cdef array _of_u64 = array("Q")


cdef inline Py_ssize_t place_in(array seqs, unsigned long long seq, Py_ssize_t low, Py_ssize_t high) noexcept:
    """Of the first of seqs[low:high] that isn't below ``seq``; ``high`` without one."""
    cdef unsigned long long *at = seqs.data.as_ulonglongs
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if at[middle] < seq:
            low = middle + 1
        else:
            high = middle
    return low


cdef class EntryColumns:
    cdef public array seqs, offsets, sizes, subject_ids, times
    cdef public bytearray live
    cdef public Py_ssize_t live_count
    cdef public long long live_bytes

    def __init__(self):
        self.seqs, self.times = array("Q"), array("q")
        self.offsets, self.sizes, self.subject_ids = array("I"), array("I"), array("I")
        self.live = bytearray()

    def __len__(self):
        return len(self.seqs)

    cpdef append(
        self, unsigned long long seq, unsigned int offset, unsigned int size, unsigned int subject_id, long long time_ns
    ):
        cdef Py_ssize_t rows = len(self.seqs)
        resize_smart(self.seqs, rows + 1)
        resize_smart(self.offsets, rows + 1)
        resize_smart(self.sizes, rows + 1)
        resize_smart(self.subject_ids, rows + 1)
        resize_smart(self.times, rows + 1)
        PyByteArray_Resize(self.live, rows + 1)
        self.seqs.data.as_ulonglongs[rows] = seq
        self.offsets.data.as_uints[rows] = offset
        self.sizes.data.as_uints[rows] = size
        self.subject_ids.data.as_uints[rows] = subject_id
        self.times.data.as_longlongs[rows] = time_ns
        PyByteArray_AS_STRING(self.live)[rows] = 1
        self.live_count += 1
        self.live_bytes += size

    cpdef kill(self, Py_ssize_t row):
        assert 0 <= row < len(self.seqs) and self.lives(row), "a message can be deleted once only"
        PyByteArray_AS_STRING(self.live)[row] = 0
        self.live_count -= 1
        self.live_bytes -= self.sizes.data.as_uints[row]

    cdef inline bint lives(self, Py_ssize_t row) noexcept:
        return PyByteArray_AS_STRING(self.live)[row] != 0

    cpdef Py_ssize_t row_of(self, long long seq):
        cdef Py_ssize_t rows = len(self.seqs), row
        cdef unsigned long long *seqs = self.seqs.data.as_ulonglongs
        if not rows or seq < <long long>seqs[0]:
            return -1
        row = seq - <long long>seqs[0]
        if row < rows and <long long>seqs[row] == seq:
            return row
        row = place_in(self.seqs, seq, 0, rows)
        return row if row < rows and <long long>seqs[row] == seq else -1

    cpdef Py_ssize_t next_live(self, long long start):
        cdef Py_ssize_t rows = len(self.seqs), row = 0
        cdef unsigned long long *seqs = self.seqs.data.as_ulonglongs
        cdef const char *live = PyByteArray_AS_STRING(self.live)
        cdef const char *found
        if not self.live_count or <long long>seqs[rows - 1] < start:
            return -1
        if start > <long long>seqs[0]:
            row = start - <long long>seqs[0]
            if row >= rows or <long long>seqs[row] != start:
                row = place_in(self.seqs, start, 0, rows)
        found = <const char *>memchr(live + row, 1, rows - row)
        return -1 if found == NULL else found - live


cdef class SubjectEntries:
    cdef public dict _ids
    cdef public list _names, _seqs, _unused, _sorted, _fresh
    cdef public array _heads

    def __init__(self):
        self._ids, self._names, self._seqs = {}, [], []
        self._heads, self._unused, self._sorted, self._fresh = array("Q"), [], [], []

    cpdef Py_ssize_t add(self, bytes subject, unsigned long long seq) except -1:
        cdef PyObject *known = PyDict_GetItem(self._ids, subject)
        cdef Py_ssize_t subject_id, count
        cdef array seqs
        if known == NULL:
            return self._new(subject, seq)
        subject_id = <object>known
        held = self._seqs[subject_id]
        if type(held) is array:
            seqs = held
            count = len(seqs)
            resize_smart(seqs, count + 1)
            seqs.data.as_ulonglongs[count] = seq
        else:
            seqs = clone(_of_u64, 2, False)
            seqs.data.as_ulonglongs[0] = held
            seqs.data.as_ulonglongs[1] = seq
            self._seqs[subject_id] = seqs
        return subject_id

    cdef Py_ssize_t _new(self, bytes subject, unsigned long long seq) except -1:
        cdef Py_ssize_t subject_id
        if self._unused:
            subject_id = self._unused.pop()
            self._names[subject_id] = subject
            self._seqs[subject_id] = seq
            self._heads.data.as_ulonglongs[subject_id] = 0
        else:
            subject_id = len(self._names)
            self._names.append(subject)
            self._seqs.append(seq)
            self._heads.append(0)
        self._ids[subject] = subject_id
        self._fresh.append(subject)
        if len(self._fresh) > len(self._ids) + FRESH_SLACK:
            self._sorted, self._fresh = [], list(self._ids)
        return subject_id

    cpdef remove(self, Py_ssize_t subject_id, unsigned long long seq):
        cdef array seqs
        cdef Py_ssize_t head, at, count
        cdef unsigned long long *data
        held = self._seqs[subject_id]
        if type(held) is not array:
            assert held == seq, "the index holds another sequence for this subject"
            del self._ids[self._names[subject_id]]
            self._names[subject_id] = b""
            self._seqs[subject_id] = 0
            self._unused.append(subject_id)
            return
        seqs, count = held, len(held)
        data, head = seqs.data.as_ulonglongs, self._heads.data.as_ulonglongs[subject_id]
        at = place_in(seqs, seq, head, count)
        assert at < count and data[at] == seq, "the index doesn't hold this sequence"
        if at - head <= count - at:
            memmove(data + head + 1, data + head, (at - head) * sizeof(data[0]))
            head += 1
        else:
            memmove(data + at, data + at + 1, (count - at - 1) * sizeof(data[0]))
            count -= 1
            resize_smart(seqs, count)
        if count - head == 1:
            self._seqs[subject_id] = seqs.data.as_ulonglongs[head]
            head = 0
        elif head > SLACK and head > count - head:
            del seqs[:head]
            head = 0
        self._heads.data.as_ulonglongs[subject_id] = head

    cpdef Py_ssize_t count(self, bytes subject) except -1:
        cdef PyObject *known = PyDict_GetItem(self._ids, subject)
        return 0 if known == NULL else self.count_of(<object>known)

    cpdef Py_ssize_t count_of(self, Py_ssize_t subject_id) except -1:
        held = self._seqs[subject_id]
        if type(held) is not array:
            return 1
        return len(<array>held) - <Py_ssize_t>self._heads.data.as_ulonglongs[subject_id]

    cdef long long first_of(self, bytes subject) except -1:
        """0 without one."""
        cdef PyObject *known = PyDict_GetItem(self._ids, subject)
        cdef Py_ssize_t subject_id
        if known == NULL:
            return 0
        subject_id = <object>known
        held = self._seqs[subject_id]
        if type(held) is not array:
            return held
        return (<array>held).data.as_ulonglongs[self._heads.data.as_ulonglongs[subject_id]]


cdef class IndexEntries:
    cdef public list tables, _starts
    cdef public object subjects
    cdef public long long messages, bytes, last_seq, last_time_ns, floor
    cdef public dict expires, marks

    def __init__(self):
        self.tables, self._starts, self.subjects = [], [], None
        self.floor = 1
        self.expires, self.marks = {}, {}

    cpdef add(self, long long seq, long long time_ns, subject, unsigned int size, unsigned int offset):
        cdef EntryColumns table = self.tables[len(self.tables) - 1]
        assert seq > self.last_seq, "sequences ascend"
        table.append(seq, offset, size, (<SubjectEntries?>self.subjects).add(subject, seq), time_ns)
        self.messages += 1
        self.bytes += size
        self.last_seq = seq
        self.last_time_ns = time_ns

    cdef Py_ssize_t place(self, long long seq) except -2:
        """Of the last table that may hold ``seq``; -1: none does."""
        cdef Py_ssize_t low = 0, high = len(self._starts), middle
        if high and seq >= <long long>self._starts[high - 1]:
            return high - 1
        while low < high:
            middle = (low + high) // 2
            if seq < <long long>self._starts[middle]:
                high = middle
            else:
                low = middle + 1
        return low - 1

    cdef EntryColumns find_row(self, long long seq, Py_ssize_t *row):
        """None when there is no such live message."""
        cdef Py_ssize_t at = self.place(seq)
        cdef EntryColumns table
        if at < 0:
            return None
        table = self.tables[at]
        row[0] = table.row_of(seq)
        return table if row[0] >= 0 and table.lives(row[0]) else None

    cpdef find(self, long long seq):
        cdef Py_ssize_t row
        cdef EntryColumns table = self.find_row(seq, &row)
        return None if table is None else (table, row)

    cpdef remove(self, long long seq):
        cdef Py_ssize_t row
        cdef EntryColumns table = self.find_row(seq, &row)
        if table is None:
            return None
        self._kill(table, row)
        return table, row

    cpdef _kill(self, EntryColumns table, Py_ssize_t row):
        cdef unsigned long long seq = table.seqs.data.as_ulonglongs[row]
        table.kill(row)
        self.messages -= 1
        self.bytes -= table.sizes.data.as_uints[row]
        (<SubjectEntries?>self.subjects).remove(table.subject_ids.data.as_uints[row], seq)
        if self.expires:
            self.expires.pop(seq, None)
        if self.marks:
            self.marks.pop(seq, None)

    cpdef long long first_seq(self) except -1:
        cdef EntryColumns table
        cdef Py_ssize_t at, row
        if not self.messages:
            return max(self.last_seq + 1, self.floor)
        for at in range(max(self.place(self.floor), 0), len(self.tables)):
            table = self.tables[at]
            row = table.next_live(self.floor)
            if row >= 0:
                self.floor = table.seqs.data.as_ulonglongs[row]
                return self.floor
        raise AssertionError("a message that is counted is in a table")
