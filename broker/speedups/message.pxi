"""One message on its way to subscriptions that need more than its bytes."""


cdef class Message:
    cdef public bytes subject, reply, header, payload, routed
    cdef public object publisher, trace
    cdef public tuple via
    cdef bytes with_header, without_header

    def __init__(
        self, bytes subject not None, bytes reply not None, bytes header not None, bytes payload not None,
        publisher=None, bytes body=None, tuple via=(),
    ):
        self.subject, self.reply, self.header, self.payload = subject, reply, header, payload
        self.publisher, self.via, self.routed = publisher, via, b""
        self.with_header = body
        if not header:
            self.without_header = body

    @property
    def size(self):
        return PyBytes_GET_SIZE(self.header) + PyBytes_GET_SIZE(self.payload)

    cpdef bytes body(self):
        if self.with_header is None:
            self.with_header = body_of(self.reply, self.header, self.payload)
        return self.with_header

    cpdef bytes plain_body(self):
        if self.without_header is None:
            self.without_header = body_of(self.reply, b"", self.payload)
        return self.without_header


cdef bytes body_of(bytes reply, bytes header, bytes payload):
    """``broker.protocol.encoder.body``"""
    cdef Py_ssize_t reply_size = PyBytes_GET_SIZE(reply), header_size = PyBytes_GET_SIZE(header)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload), lead_size
    cdef char lead[64]
    cdef bytes found
    cdef char *at
    if header_size:
        lead_size = snprintf(lead, 64, b"%zd %zd\r\n", header_size, header_size + size)
    else:
        lead_size = snprintf(lead, 64, b"%zd\r\n", size)
    found = PyBytes_FromStringAndSize(NULL, (reply_size + 1 if reply_size else 0) + lead_size + header_size + size + 2)
    at = PyBytes_AS_STRING(found)
    if reply_size:
        memcpy(at, PyBytes_AS_STRING(reply), reply_size)
        at[reply_size] = c" "
        at += reply_size + 1
    memcpy(at, lead, lead_size)
    memcpy(at + lead_size, PyBytes_AS_STRING(header), header_size)
    at += lead_size + header_size
    memcpy(at, PyBytes_AS_STRING(payload), size)
    at[size] = c"\r"
    at[size + 1] = c"\n"
    return found
