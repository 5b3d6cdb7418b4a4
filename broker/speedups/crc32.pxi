"""The checksum of records, as ``zlib.crc32`` has it, for bytes that are no object."""

# Remainders of each byte, and of the same byte with 1 to 15 zeros behind it.
cdef unsigned int[16][256] _crc_tables


cdef void fill_crc_tables() noexcept:
    cdef unsigned int value
    cdef int i, bit, table
    for i in range(256):
        value = i
        for bit in range(8):
            value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
        _crc_tables[0][i] = value
    for i in range(256):
        for table in range(1, 16):
            value = _crc_tables[table - 1][i]
            _crc_tables[table][i] = (value >> 8) ^ _crc_tables[0][value & 0xFF]


fill_crc_tables()


cdef unsigned int crc32(const char *data, Py_ssize_t size, unsigned int seed) noexcept:
    """Sixteen bytes at a time: one look-up for each, none of which waits for another."""
    cdef const unsigned char *at = <const unsigned char *>data
    cdef unsigned int crc = ~seed
    while size >= 16:
        crc = (
            _crc_tables[15][at[0] ^ (crc & 0xFF)] ^ _crc_tables[14][at[1] ^ ((crc >> 8) & 0xFF)]
            ^ _crc_tables[13][at[2] ^ ((crc >> 16) & 0xFF)] ^ _crc_tables[12][at[3] ^ (crc >> 24)]
            ^ _crc_tables[11][at[4]] ^ _crc_tables[10][at[5]] ^ _crc_tables[9][at[6]] ^ _crc_tables[8][at[7]]
            ^ _crc_tables[7][at[8]] ^ _crc_tables[6][at[9]] ^ _crc_tables[5][at[10]] ^ _crc_tables[4][at[11]]
            ^ _crc_tables[3][at[12]] ^ _crc_tables[2][at[13]] ^ _crc_tables[1][at[14]] ^ _crc_tables[0][at[15]]
        )
        at += 16
        size -= 16
    while size:
        crc = (crc >> 8) ^ _crc_tables[0][(crc ^ at[0]) & 0xFF]
        at += 1
        size -= 1
    return ~crc


def checksum(bytes data not None, unsigned int seed=0):
    """For those who look whether it's right: ``zlib.crc32``."""
    return crc32(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), seed)
