"""What a store does for each message that comes or goes."""

DEF MESSAGE = 1
DEF GROUPED = 2
# Bytes of a record before the subject, and those that don't count for a message.
DEF RECORD_HEAD = 44
DEF RECORD_EXTRA = 14

cdef object _store_failed = None


cdef object store_failed(cause):
    global _store_failed
    if _store_failed is None:
        from broker.storage.store import StoreFailed
        _store_failed = StoreFailed
    return _store_failed(cause)


cdef inline char *put_little(char *at, unsigned long long value, int size) noexcept:
    """Little endian, whatever the machine's own order is."""
    cdef int i
    for i in range(size):
        at[i] = <char>((value >> (8 * i)) & 0xFF)
    return at + size


cdef class Appending:
    cdef public object index, error, _staged, _open
    cdef public unsigned int _epoch
    cdef public long long _segment_bytes_max, committed_seq
    # Of the segment of ``_open``, while it is the same.
    cdef object segment
    cdef unsigned int salt

    def __init__(self):
        from broker.storage.appending import Staged
        from broker.storage.message_index import MessageIndex
        self.index = MessageIndex()
        self.error = ""
        self._staged, self._open = Staged(), None

    cdef bytearray find_end(self):
        """The bytes behind which the next record goes; sets ``segment`` and ``salt``."""
        write = self._open
        if write is None or self.error or write.segment.end >= self._segment_bytes_max:
            write = self._active()
        segment = write.segment
        if segment is not self.segment:
            self.segment = segment
            self.salt = segment.head.salt
        return write.data

    cdef long long put(
        self, bytes subject, bytes header, bytes payload, long long time_ns,
        long long seq, long long expires_ns, int mark, bint grouped,
    ) except -1:
        cdef IndexEntries index = self.index
        cdef Py_ssize_t subject_size = PyBytes_GET_SIZE(subject), header_size = PyBytes_GET_SIZE(header)
        cdef Py_ssize_t payload_size = PyBytes_GET_SIZE(payload), before, length
        cdef long long end
        cdef char *start
        cdef char *at
        cdef bytearray data = self.find_end()
        if seq == 0:
            seq = index.last_seq + 1
        if subject_size > 0xFFFF:
            raise ValueError("a subject has at most 65,535 bytes")
        length = RECORD_HEAD + subject_size + payload_size + (4 + header_size if header_size else 0)
        end = self.segment.end
        before = PyByteArray_GET_SIZE(data)
        PyByteArray_Resize(data, before + length)
        try:
            index.add(seq, time_ns, subject, length - RECORD_EXTRA, end)
        except BaseException:
            PyByteArray_Resize(data, before)
            raise
        start = PyByteArray_AS_STRING(data) + before
        memcpy(start + 4, b"\xc5WR", 3)
        start[7] = GROUPED if grouped else MESSAGE
        at = put_little(start + 8, length, 4)
        at = put_little(at, self._epoch, 4)
        at = put_little(at, seq, 8)
        at = put_little(at, time_ns, 8)
        at = put_little(at, expires_ns, 8)
        at = put_little(at, subject_size, 2)
        at = put_little(at, mark, 1)
        at = put_little(at, header_size != 0, 1)
        memcpy(at, PyBytes_AS_STRING(subject), subject_size)
        at += subject_size
        if header_size:
            at = put_little(at, header_size, 4)
            memcpy(at, PyBytes_AS_STRING(header), header_size)
            at += header_size
        memcpy(at, PyBytes_AS_STRING(payload), payload_size)
        put_little(start, crc32(start + 4, length - 4, self.salt), 4)
        self.segment.end = end + length
        if expires_ns:
            index.expires[seq] = expires_ns
        if mark:
            index.marks[seq] = mark
        if grouped:
            staged = self._staged
            staged.group_first = staged.group_first or seq
            staged.grouped += 1
        return seq

    def append(
        self, bytes subject not None, bytes header not None, bytes payload not None, long long time_ns, *,
        long long seq=0, long long expires_ns=0, int mark=0, bint grouped=False,
    ):
        return self.put(subject, header, payload, time_ns, seq, expires_ns, mark, grouped)

    def remove(self, long long seq, *, bint erase=False):
        return self.take_out(seq, erase)

    cdef bint take_out(self, long long seq, bint erase) except -1:
        cdef IndexEntries index = self.index
        cdef EntryColumns table
        cdef Py_ssize_t row
        cdef dict removed
        if self.error:
            raise store_failed(self.error)
        table = index.find_row(seq, &row)
        if table is None:
            return False
        index._kill(table, row)
        staged = self._staged
        if index.first_seq() > seq:
            staged.bounds = True
        else:
            staged.deletes.append(seq)
        if erase:
            staged.erasures.append(seq)
        removed = staged.removals.seqs
        segment_id = self._by_table[<size_t><PyObject *>table].head.segment_id
        seqs = removed.get(segment_id)
        if seqs is None:
            removed[segment_id] = [seq]
        else:
            (<list>seqs).append(seq)
        return True


cdef inline unsigned long long get_little(const char *at, int size) noexcept:
    cdef unsigned long long number = 0
    cdef int i
    for i in range(size):
        number |= (<unsigned long long><unsigned char>at[i]) << (8 * i)
    return number


cdef struct Record:
    # A message as it lies in a segment; nothing is copied.
    long long time_ns
    const char *subject
    Py_ssize_t subject_size
    const char *header
    Py_ssize_t header_size
    const char *payload
    Py_ssize_t payload_size


cdef bint find_record(bytes data, Py_ssize_t at, unsigned int salt, unsigned long long seq, Record *found) noexcept:
    """Whether message ``seq`` lies intact at ``data[at]``."""
    cdef const char *record = PyBytes_AS_STRING(data) + at
    cdef Py_ssize_t room = PyBytes_GET_SIZE(data) - at, length, subject_end, header_size = 0, payload
    if at < 0 or room < RECORD_HEAD:
        return False
    length = get_little(record + 8, 4)
    if get_little(record + 16, 8) != seq or memcmp(record + 4, b"\xc5WR", 3) != 0:
        return False
    if not 0 <= record[7] <= GROUPED or not RECORD_HEAD <= length <= room:
        return False
    if get_little(record, 4) != crc32(record + 4, length - 4, salt):
        return False
    subject_end = payload = RECORD_HEAD + get_little(record + 40, 2)
    if record[43]:
        if subject_end + 4 > length:
            return False
        header_size = get_little(record + subject_end, 4)
        payload += 4 + header_size
    if payload > length:
        return False
    found.time_ns = get_little(record + 24, 8)
    found.subject, found.subject_size = record + RECORD_HEAD, subject_end - RECORD_HEAD
    found.header, found.header_size = record + payload - header_size, header_size
    found.payload, found.payload_size = record + payload, length - payload
    return True


def decode_message(bytes data not None, Py_ssize_t at, unsigned int salt, unsigned long long seq):
    """``broker.storage.segment.decode_message``"""
    cdef Record found
    if not find_record(data, at, salt, seq, &found):
        return None
    return (
        found.time_ns,
        PyBytes_FromStringAndSize(found.subject, found.subject_size),
        PyBytes_FromStringAndSize(found.header, found.header_size),
        PyBytes_FromStringAndSize(found.payload, found.payload_size),
    )


cdef object _stored_message = None


def decode_run(
    EntryColumns table not None, bytes data not None, long long start, unsigned int salt, list seqs not None,
    list found not None,
):
    """``broker.storage.decode_run.decode_run``"""
    global _stored_message
    cdef Py_ssize_t index, row
    cdef unsigned long long seq
    cdef Record record
    cdef bytes subject = b""
    if _stored_message is None:
        from broker.storage import store
        _stored_message = store.Message
    for index in range(len(found), len(seqs)):
        seq = seqs[index]
        row = table.row_of(seq)
        if row < 0 or not table.lives(row):
            return
        if not find_record(data, table.offsets.data.as_uints[row] - start, salt, seq, &record):
            return
        if (
            PyBytes_GET_SIZE(subject) != record.subject_size
            or memcmp(PyBytes_AS_STRING(subject), record.subject, record.subject_size) != 0
        ):
            subject = PyBytes_FromStringAndSize(record.subject, record.subject_size)
        found.append(stored_message(seqs[index], subject, &record))


cdef object stored_message(object seq, bytes subject, Record *record):
    """A ``store.Message``, made without the way through its class."""
    cdef object time_ns = record.time_ns
    cdef bytes header = PyBytes_FromStringAndSize(record.header, record.header_size)
    cdef bytes payload = PyBytes_FromStringAndSize(record.payload, record.payload_size)
    cdef object made = PyType_GenericAlloc(<PyTypeObject *>_stored_message, 5)
    put_part(made, 0, seq)
    put_part(made, 1, time_ns)
    put_part(made, 2, subject)
    put_part(made, 3, header)
    put_part(made, 4, payload)
    return made


cdef inline int put_part(object made, Py_ssize_t place, object part) except -1:
    Py_INCREF(part)  # PyTuple_SET_ITEM takes it over
    PyTuple_SET_ITEM(made, place, part)
    return 0
