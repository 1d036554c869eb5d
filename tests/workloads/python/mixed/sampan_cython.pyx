# cython: language_level=3


cdef long grind_cython(long rounds) noexcept:
    cdef long value = 1, i
    for i in range(rounds):
        value = value * 6364136223846793005 + 1442695040888963407
        value ^= value >> 7
    return value


def work(long rounds):
    return grind_cython(rounds)
