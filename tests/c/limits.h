// What the tests of limits in C and C++ share.
#pragma once

#include "check.h"
#include <hakmem.h>

#define MIB ((size_t)1 << 20)

// What the program's function was told, and what it is to do.
static struct hakmem_refusal last;
static int calls;
static void *reserve;

static int refuse(const struct hakmem_refusal *refusal, void *argument) {
    (void)argument;
    last = *refusal;
    calls++;
    return HAKMEM_REFUSE;
}

static int free_the_reserve(const struct hakmem_refusal *refusal, void *argument) {
    void **block = (void **)argument;
    last = *refusal;
    calls++;
    errno = EIO;
    if (!*block) return HAKMEM_REFUSE;
    free(*block);
    *block = NULL;
    return HAKMEM_TRY_AGAIN;
}

// Sets a limit that leaves `more` bytes.
static void leave(size_t more) {
    malloc_trim(0);
    hakmem_set_limit(hakmem_mapped() + more);
}

// A limit that leaves little, and a reserve for the function to free.
static void keep_a_reserve(void) {
    reserve = malloc(32 * MIB);
    CHECK(reserve != NULL);
    leave(4 * MIB);
    hakmem_on_refusal(free_the_reserve, &reserve);
    calls = 0;
    errno = 4711;
}

// The request for `size` bytes just made used the reserve up.
static void check_the_reserve_served(void *block, size_t size) {
    CHECK(block != NULL && reserve == NULL);
    CHECK(calls == 1 && errno == 4711);
    CHECK(last.size == size && last.limit != SIZE_MAX);
    CHECK(last.mapped <= last.limit && last.mapped + size > last.limit);
}
