// What the C test programs share: a check that names its place, and cases picked by name.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            dprintf(2, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition,   \
                    errno);                                                                \
            _exit(99);                                                                     \
        }                                                                                  \
    } while (0)

// Sizes on every layer: small, span, large, and the edges between them.
static const size_t SIZES[] = {
    1,     2,     7,     8,     9,      15,     16,     17,      24,      31,      32,
    48,    63,    64,    65,    100,    127,    128,    129,     200,     255,     256,
    257,   500,   512,   1000,  1023,   1024,   1025,   2000,    4095,    4096,    4097,
    8192,  12000, 16384, 20000, 32767,  32768,  32769,  50000,   65536,   65537,   100000,
    131072, 300000, 524288, 1000000, 1048576, 1048577, 2097151, 2097152, 2097153, 5000000,
};
#define SIZE_COUNT (sizeof SIZES / sizeof SIZES[0])

// The largest size a request may have is PTRDIFF_MAX; this is the first one above.
#define TOO_LARGE ((size_t)PTRDIFF_MAX + 1)

static inline void fill(void *block, size_t size, unsigned char seed) {
    unsigned char *bytes = (unsigned char *)block;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(seed + i * 7);
}

static inline int is_filled(const void *block, size_t size, unsigned char seed) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(seed + i * 7)) return 0;
    return 1;
}

static inline int is_zero(const void *block, size_t size) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return 0;
    return 1;
}

static inline int is_aligned(const void *block, size_t align) {
    return ((uintptr_t)block & (align - 1)) == 0;
}

// Limits the address space to what is in use now and `more` bytes.
static inline void limit_memory(size_t more) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

struct test_case {
    const char *name;
    void (*run)(void);
};

// Runs the case that the first argument names.
#define CASES(...)                                                                         \
    int main(int argc, char **argv) {                                                      \
        static const struct test_case cases[] = {__VA_ARGS__};                             \
        for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++)            \
            if (strcmp(cases[i].name, argv[1]) == 0) {                                     \
                cases[i].run();                                                            \
                return 0;                                                                  \
            }                                                                              \
        dprintf(2, "no such case: %s\n", argc > 1 ? argv[1] : "");                         \
        return 98;                                                                         \
    }
