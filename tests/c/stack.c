// Tells how many bytes of its stack a thread uses that allocates and frees blocks of every layer, many of
// them, so that the heap grows and gives back.
#include "check.h"

#include <pthread.h>

#define STACK ((size_t)64 << 10)
#define PAINT 0xa5
#define BYTES ((size_t)96 << 20)

static _Alignas(65536) unsigned char stack[STACK];
static uintptr_t base;

// Grows to BYTES of a size, and frees all, each second block first.
static __attribute__((noinline)) void swing(size_t size) {
    size_t count = BYTES / (size + 64);
    void **blocks = calloc(count, sizeof *blocks);
    CHECK(blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i]);
        *(char *)blocks[i] = 1;
    }
    for (size_t i = 0; i < count; i += 2) free(blocks[i]);
    for (size_t i = 1; i < count; i += 2) blocks[i] = realloc(blocks[i], size + size / 2);
    for (size_t i = 1; i < count; i += 2) free(blocks[i]);
    free(blocks);
}

static void *work(void *unused) {
    volatile unsigned char here = 0;
    base = (uintptr_t)&here;
    for (volatile unsigned char *at = stack; at < &here - 512; at++) *at = PAINT;
    for (size_t i = 0; i < SIZE_COUNT; i++)
        if (SIZES[i] >= 64) swing(SIZES[i]);
    return unused;
}

int main(void) {
    pthread_t thread;
    pthread_attr_t own;
    CHECK(pthread_attr_init(&own) == 0 && pthread_attr_setstack(&own, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &own, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
    size_t lowest = 0;
    while (lowest < STACK && stack[lowest] == PAINT) lowest++;
    printf("%zu\n", (size_t)(base - (uintptr_t)(stack + lowest)));
    return 0;
}
