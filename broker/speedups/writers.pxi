"""Threads that write and sync without Python: nobody waits for the interpreter between a write and its answer."""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EINTR, errno

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_destroy(pthread_mutex_t *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)
    int pthread_cond_init(pthread_cond_t *, void *)
    int pthread_cond_destroy(pthread_cond_t *)
    int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *)
    int pthread_cond_signal(pthread_cond_t *)
    int pthread_cond_broadcast(pthread_cond_t *)

cdef extern from "<unistd.h>" nogil:
    """
    #ifdef __APPLE__
    #define sync_data fsync
    #else
    #define sync_data fdatasync
    #endif
    """
    Py_ssize_t pwrite(int, const void *, size_t, long long)
    Py_ssize_t write(int, const void *, size_t)
    int sync_data(int)


cdef struct Task:
    int fd, error
    bint sync
    const char *data
    Py_ssize_t size
    long long offset
    # Both owned.
    PyObject *bytes
    PyObject *done
    Task *next


cdef void perform(Task *task) noexcept nogil:
    cdef Py_ssize_t count, at = 0
    while at < task.size:
        count = pwrite(task.fd, task.data + at, task.size - at, task.offset + at)
        if count < 0:
            if errno == EINTR:
                continue
            task.error = errno
            return
        at += count
    if task.sync and sync_data(task.fd) != 0:
        task.error = errno


cdef class Writers:
    """``work`` is the life of one thread. A byte is written to ``wake_fd`` when something is finished."""

    cdef pthread_mutex_t lock
    cdef pthread_cond_t wanted
    cdef Task *first
    cdef Task *last
    cdef Task *finished
    cdef Task *finished_last
    cdef int wake_fd
    cdef bint closed

    def __cinit__(self, int wake_fd):
        pthread_mutex_init(&self.lock, NULL)
        pthread_cond_init(&self.wanted, NULL)
        self.first = self.last = self.finished = self.finished_last = NULL
        self.wake_fd = wake_fd

    def __dealloc__(self):
        cdef Task *task
        if self.first != NULL:  # nobody came to write them
            self.last.next = self.finished
            self.finished = self.first
        while self.finished != NULL:
            task = self.finished
            self.finished = task.next
            free_task(task)
        pthread_cond_destroy(&self.wanted)
        pthread_mutex_destroy(&self.lock)

    def put(self, int fd, bytearray data not None, long long offset, bint sync, done):
        """``data``, which nobody may change any more, is to be written at ``offset``, and synced."""
        cdef Task *task = <Task *>malloc(sizeof(Task))
        if task == NULL:
            raise MemoryError
        task.fd, task.error, task.sync, task.next = fd, 0, sync, NULL
        task.data, task.size, task.offset = PyByteArray_AS_STRING(data), PyByteArray_GET_SIZE(data), offset
        task.bytes, task.done = <PyObject *>data, <PyObject *>done
        Py_INCREF(data)
        Py_INCREF(done)
        pthread_mutex_lock(&self.lock)
        if self.last == NULL:
            self.first = task
        else:
            self.last.next = task
        self.last = task
        pthread_cond_signal(&self.wanted)
        pthread_mutex_unlock(&self.lock)

    def work(self):
        with nogil:
            self.serve()

    cdef void serve(self) noexcept nogil:
        cdef Task *task
        pthread_mutex_lock(&self.lock)
        while True:
            while self.first == NULL and not self.closed:
                pthread_cond_wait(&self.wanted, &self.lock)
            task = self.first
            if task == NULL:
                break
            self.first = task.next
            if self.first == NULL:
                self.last = NULL
            pthread_mutex_unlock(&self.lock)
            perform(task)
            task.next = NULL
            pthread_mutex_lock(&self.lock)
            if self.finished_last == NULL:
                self.finished = task
            else:
                self.finished_last.next = task
            self.finished_last = task
            # While locked: whoever is woken finds it, and closes the descriptor only after that. It may be full, which
            # is as good as written.
            write(self.wake_fd, b"w", 1)
        pthread_mutex_unlock(&self.lock)

    def collect(self):
        """What is finished: (``done``, errno or 0) each, in the order in which they ended."""
        cdef Task *task
        cdef Task *after
        cdef list found = []
        pthread_mutex_lock(&self.lock)
        task = self.finished
        self.finished = self.finished_last = NULL
        pthread_mutex_unlock(&self.lock)
        while task != NULL:
            after = task.next
            found.append((<object>task.done, task.error))
            free_task(task)
            task = after
        return found

    def close(self):
        """The threads end when all is written."""
        pthread_mutex_lock(&self.lock)
        self.closed = True
        pthread_cond_broadcast(&self.wanted)
        pthread_mutex_unlock(&self.lock)


cdef void free_task(Task *task) noexcept:
    Py_DECREF(<object>task.bytes)
    Py_DECREF(<object>task.done)
    free(task)
