# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# distutils: language=c
"""The broker's data path in C: one block of bytes in, one growing buffer for each receiver out.

What is here has a twin in plain Python, which says what it is for and which every test runs too:

    outbound.pxi       broker.core.outbound.Outbound
    subscription.pxi   broker.core.subscription.SubscriptionFields, broker.core.stats.Counters
    message.pxi        broker.core.message.Message
    match.pxi          broker.core.match.Match
    sublist.pxi        broker.core.sublist.Leaf, Node and search
    receive.pxi        broker.core.receive.receive
    crc32.pxi          zlib.crc32
    message_index.pxi  broker.storage.entry_table.EntryColumns, subject_index.SubjectEntries, message_index.IndexEntries
    appending.pxi      broker.storage.appending.Appending, segment.decode_message,
                       decode_run.decode_run
    plain_publish.pxi  broker.jetstream.plain_publish.StreamFields and PlainIntake
    answers.pxi        broker.jetstream.answers.Answers
    writers.pxi        (threads that broker.app.workers has in Python)
    deliver.pxi        broker.jetstream.consumer_burst.lines
    acks.pxi           broker.jetstream.consumer_acks.AckIntake
    s2.pxi             broker.jetstream.s2.checksum and decode_block; compress has no twin
    ledger.pxi         broker.storage.consumer_state.PendingMessages, ConsumerState and ChangeLog

No object is made for a message on its way through the lanes; whatever isn't a publish in its usual form goes to
``broker.core.publish``, as in the twin.
"""

from cpython.array cimport array, clone, resize_smart
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

cdef extern from "string.h":
    void *memmem(const void *, size_t, const void *, size_t)

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    object PyType_GenericAlloc(PyTypeObject *, Py_ssize_t)

cdef extern from *:
    """
    #define LIKELY(x) __builtin_expect(!!(x), 1)
    #define UNLIKELY(x) __builtin_expect(!!(x), 0)
    #ifndef SOURCES
    #define SOURCES ""
    #endif
    """
    bint LIKELY(bint) nogil
    bint UNLIKELY(bint) nogil
    const char *SOURCES

#: The digest of the sources that this was built from; see broker.builds.
sources = SOURCES.decode("ascii")

include "crc32.pxi"
include "subscription.pxi"
include "outbound.pxi"
include "message.pxi"
include "match.pxi"
include "sublist.pxi"
include "receive.pxi"
include "message_index.pxi"
include "appending.pxi"
include "plain_publish.pxi"
include "answers.pxi"
include "writers.pxi"
include "s2.pxi"
include "ledger.pxi"
include "acks.pxi"
include "deliver.pxi"
