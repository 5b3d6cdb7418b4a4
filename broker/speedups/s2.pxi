"""Blocks of S2 and their checksums, without the interpreter's lock: whole snapshots go through here."""

from libc.stdint cimport uint32_t, uint64_t

#: What a byte does to the register that is 0 to 7 bytes behind it.
cdef uint32_t crc32c_table[8][256]


cdef void fill_crc32c_table() noexcept:
    cdef uint32_t crc
    cdef int value, at
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        crc32c_table[0][value] = crc
    for at in range(1, 8):
        for value in range(256):
            crc = crc32c_table[at - 1][value]
            crc32c_table[at][value] = crc >> 8 ^ crc32c_table[0][crc & 0xFF]


fill_crc32c_table()


cdef uint32_t crc32c(const unsigned char *at, Py_ssize_t size) noexcept nogil:
    cdef uint32_t crc = ~<uint32_t>0, high
    while size >= 8:
        crc ^= at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        high = at[4] | <uint32_t>at[5] << 8 | <uint32_t>at[6] << 16 | <uint32_t>at[7] << 24
        crc = (
            crc32c_table[7][crc & 0xFF] ^ crc32c_table[6][crc >> 8 & 0xFF]
            ^ crc32c_table[5][crc >> 16 & 0xFF] ^ crc32c_table[4][crc >> 24]
            ^ crc32c_table[3][high & 0xFF] ^ crc32c_table[2][high >> 8 & 0xFF]
            ^ crc32c_table[1][high >> 16 & 0xFF] ^ crc32c_table[0][high >> 24]
        )
        at += 8
        size -= 8
    while size > 0:
        crc = crc >> 8 ^ crc32c_table[0][(crc ^ at[0]) & 0xFF]
        at += 1
        size -= 1
    return ~crc


def s2_checksum(bytes data not None):
    """CRC-32C of all of it, masked as Snappy does it."""
    cdef uint32_t crc
    cdef const unsigned char *at = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    with nogil:
        crc = crc32c(at, size)
    return (crc >> 15 | crc << 17) + <uint32_t>0xA282EAD8 & 0xFFFFFFFF


cdef Py_ssize_t little_endian(const unsigned char *at, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t value = 0
    while width > 0:
        width -= 1
        value = value << 8 | at[width]
    return value


cdef bint s2_elements(
    const unsigned char *at, const unsigned char *end, unsigned char *out, Py_ssize_t size
) noexcept nogil:
    """Whether the elements make up exactly ``size`` bytes."""
    cdef Py_ssize_t done = 0, length, offset = 0, width, near
    cdef int code
    while at < end:
        code = at[0] >> 2
        width = 0
        if at[0] & 3 == 0:
            if code >= 60:
                width = code - 59
            if end - at < 1 + width:
                return False
            length = (little_endian(at + 1, width) if width else code) + 1
            at += 1 + width
            if length > end - at or length > size - done:
                return False
            memcpy(out + done, at, length)
            at += length
            done += length
            continue
        if at[0] & 3 == 1:
            if end - at < 2:
                return False
            near = <Py_ssize_t>(at[0] & 0xE0) << 3 | at[1]
            length = 4 + (code & 7)
            at += 2
            if near:
                offset = near
            elif code & 7 > 4:
                width = (code & 7) - 4
                if end - at < width:
                    return False
                length = little_endian(at, width) + (8 if width == 1 else 260 if width == 2 else 65540)
                at += width
        else:
            width = 2 if at[0] & 3 == 2 else 4
            if end - at < 1 + width:
                return False
            offset = little_endian(at + 1, width)
            length = code + 1
            at += 1 + width
        if not 0 < offset <= done or length > size - done:
            return False
        if offset >= length:
            memcpy(out + done, out + done - offset, length)
            done += length
        else:
            while length > 0:
                out[done] = out[done - offset]
                done += 1
                length -= 1
    return done == size


def s2_block(bytes block not None, Py_ssize_t size_max):
    """What it holds; None when there is something wrong with it."""
    cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(block)
    cdef const unsigned char *at = start
    cdef const unsigned char *end = start + PyBytes_GET_SIZE(block)
    cdef uint64_t size = 0
    cdef int shift = 0
    cdef bint whole
    cdef unsigned char *out
    while at < end and at[0] & 0x80 and shift < 35:
        size |= <uint64_t>(at[0] & 0x7F) << shift
        shift += 7
        at += 1
    if at == end or shift >= 35:
        return None
    size |= <uint64_t>at[0] << shift
    if size > <uint64_t>size_max:
        return None
    found = PyBytes_FromStringAndSize(NULL, size)
    out = <unsigned char *>PyBytes_AS_STRING(found)
    with nogil:
        whole = s2_elements(at + 1, end, out, size)
    return found if whole else None


DEF TABLE_BITS = 14
DEF PIECE_MAX = 65536


cdef inline uint32_t four_bytes(const unsigned char *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline unsigned char *put_literal(unsigned char *out, const unsigned char *at, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t code = size - 1
    if code < 60:
        out[0] = <unsigned char>(code << 2)
        out += 1
    elif code < 256:
        out[0] = 60 << 2
        out[1] = <unsigned char>code
        out += 2
    else:
        out[0] = 61 << 2
        out[1] = <unsigned char>(code & 0xFF)
        out[2] = <unsigned char>(code >> 8)
        out += 3
    memcpy(out, at, size)
    return out + size


cdef inline unsigned char *put_copy(unsigned char *out, Py_ssize_t offset, Py_ssize_t size) noexcept nogil:
    """``size`` is 4 at least, and so is what is left of it after each full element."""
    cdef Py_ssize_t length
    while size > 0:
        length = size if size <= 64 else 64 if size >= 68 else 60
        if length < 12 and offset < 2048:
            out[0] = <unsigned char>((offset >> 8) << 5 | (length - 4) << 2 | 1)
            out[1] = <unsigned char>(offset & 0xFF)
            out += 2
        else:
            out[0] = <unsigned char>((length - 1) << 2 | 2)
            out[1] = <unsigned char>(offset & 0xFF)
            out[2] = <unsigned char>(offset >> 8)
            out += 3
        size -= length
    return out


cdef unsigned char *s2_search(
    const unsigned char *data, Py_ssize_t size, unsigned char *out, unsigned short *table
) noexcept nogil:
    """Where four bytes came before, what follows is copied for as long as it's the same. The longer nothing is found,
    the larger the steps."""
    cdef Py_ssize_t at = 0, done = 0, before, length, misses = 32
    cdef uint32_t place
    while at < size - 4:
        place = four_bytes(data + at) * <uint32_t>0x1E35A7BD >> (32 - TABLE_BITS)
        before = table[place]
        table[place] = <unsigned short>at
        if before >= at or four_bytes(data + before) != four_bytes(data + at):
            at += misses >> 5
            misses += 1
            continue
        if at > done:
            out = put_literal(out, data + done, at - done)
        length = 4
        while at + length < size and data[before + length] == data[at + length]:
            length += 1
        out = put_copy(out, at - before, length)
        at += length
        done = at
        misses = 32
    if size > done:
        out = put_literal(out, data + done, size - done)
    return out


def s2_compress(bytes data not None):
    """A block that ``s2_block`` and any Snappy reads; None when that saves little. ``PIECE_MAX`` bytes at most."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), rest = size, used
    cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef unsigned char *block
    cdef unsigned char *at
    cdef unsigned short *table
    if not 16 <= size <= PIECE_MAX:
        return None
    # In the worst case every 60 bytes of literals cost one more, and 4 that are copied never more than 3.
    block = <unsigned char *>malloc(32 + size + size // 6 + (sizeof(unsigned short) << TABLE_BITS))
    if block == NULL:
        raise MemoryError
    table = <unsigned short *>(block + (32 + size + size // 6) // 2 * 2)
    at = block
    with nogil:
        memset(table, 0, sizeof(unsigned short) << TABLE_BITS)
        while rest >= 0x80:
            at[0] = <unsigned char>(rest & 0x7F | 0x80)
            at += 1
            rest >>= 7
        at[0] = <unsigned char>rest
        at = s2_search(start, size, at + 1, table)
    used = at - block
    found = PyBytes_FromStringAndSize(<const char *>block, used) if used < size - size // 8 else None
    free(block)
    return found
