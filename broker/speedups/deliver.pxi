"""A run of a consumer's messages, as it is written to the client."""


def lines(
    list messages not None, bytes sid not None, bytes prefix not None, long long consumer_seq, long long waiting,
    long long bytes_max,
):
    """See the twin, broker.jetstream.consumer_burst.lines."""
    cdef object each
    cdef tuple message
    cdef bytes subject, header, payload, found
    cdef Py_ssize_t room = 0, header_size, total, count = 0
    cdef long long size = 0
    cdef char *start
    cdef char *at
    cdef char *reply
    for each in messages:
        message = <tuple>each  # a store.Message
        subject, header, payload = <bytes>message[2], <bytes>message[3], <bytes>message[4]
        room += PyBytes_GET_SIZE(subject) + PyBytes_GET_SIZE(header) + PyBytes_GET_SIZE(payload)
    room += len(messages) * (PyBytes_GET_SIZE(sid) + PyBytes_GET_SIZE(prefix) + 160)
    start = at = <char *>malloc(room)
    if start == NULL:
        raise MemoryError
    try:
        for each in messages:
            message = <tuple>each
            subject, header, payload = <bytes>message[2], <bytes>message[3], <bytes>message[4]
            header_size = PyBytes_GET_SIZE(header)
            total = header_size + PyBytes_GET_SIZE(payload)
            consumer_seq += 1
            waiting -= 1
            if header_size:
                at[0] = c"H"
                at += 1
            memcpy(at, b"MSG ", 4)
            at = put_bytes(at + 4, subject)
            at[0] = c" "
            at = put_bytes(at + 1, sid)
            at[0] = c" "
            reply = at + 1
            at = put_bytes(reply, prefix)
            memcpy(at, b"1.", 2)
            at = put_decimal(at + 2, <unsigned long long>message[0])
            at[0] = c"."
            at = put_decimal(at + 1, consumer_seq)
            at[0] = c"."
            at = put_signed(at + 1, <long long>message[1])
            at[0] = c"."
            at = put_signed(at + 1, waiting)
            size += PyBytes_GET_SIZE(subject) + (at - reply) + total
            at[0] = c" "
            at += 1
            if header_size:
                at = put_decimal(at, header_size)
                at[0] = c" "
                at += 1
            at = put_decimal(at, total)
            memcpy(at, b"\r\n", 2)
            at = put_bytes(put_bytes(at + 2, header), payload)
            memcpy(at, b"\r\n", 2)
            at += 2
            count += 1
            if 0 < bytes_max < size:
                break
        found = PyBytes_FromStringAndSize(start, at - start)
    finally:
        free(start)
    return found, count, size


cdef inline char *put_bytes(char *at, bytes text) noexcept:
    memcpy(at, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    return at + PyBytes_GET_SIZE(text)


cdef inline char *put_signed(char *at, long long number) noexcept:
    if number < 0:
        at[0] = c"-"
        return put_decimal(at + 1, -number)
    return put_decimal(at, number)
