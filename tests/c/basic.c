// malloc, free, calloc, realloc and reallocarray as C23, POSIX and glibc's manual have them.
#include "check.h"

static void malloc_gives_writable_aligned_blocks(void) {
    void *blocks[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        blocks[i] = malloc(SIZES[i]);
        CHECK(blocks[i] != NULL);
        CHECK(is_aligned(blocks[i], SIZES[i] >= 16 ? 16 : 8));
        fill(blocks[i], SIZES[i], (unsigned char)i);
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        CHECK(is_filled(blocks[i], SIZES[i], (unsigned char)i));
        free(blocks[i]);
    }
}

static void malloc_of_zero_is_unique(void) {
    void *a = malloc(0), *b = malloc(0), *c = malloc(0);
    CHECK(a && b && c);
    CHECK(a != b && b != c && a != c);
    free(a);
    free(b);
    free(c);
}

static void malloc_too_large(void) {
    static const size_t sizes[] = {TOO_LARGE, TOO_LARGE + 4096, SIZE_MAX - 4096, SIZE_MAX - 1,
                                   SIZE_MAX, PTRDIFF_MAX, PTRDIFF_MAX - 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        errno = 0;
        CHECK(malloc(sizes[i]) == NULL);
        CHECK(errno == ENOMEM);
    }
    void *after = malloc(100);
    CHECK(after != NULL);
    free(after);
}

static void free_of_null(void) {
    free(NULL);
    free(malloc(10));
    free(NULL);
}

static void free_keeps_errno(void) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = malloc(SIZES[i]);
        errno = 4711;
        free(block);
        CHECK(errno == 4711);
    }
    free(NULL);
    CHECK(errno == 4711);
}

static void success_keeps_errno(void) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        errno = 4711;
        void *block = malloc(SIZES[i]);
        CHECK(block && errno == 4711);
        block = realloc(block, SIZES[i] * 2);
        CHECK(block && errno == 4711);
        free(block);
    }
}

static void calloc_is_zero_after_dirty_reuse(void) {
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            void *blocks[8];
            for (int k = 0; k < 8; k++) {
                blocks[k] = malloc(SIZES[i]);
                CHECK(blocks[k] != NULL);
                memset(blocks[k], 0xAA, malloc_usable_size(blocks[k]));
            }
            for (int k = 0; k < 8; k++) free(blocks[k]);
            for (int k = 0; k < 8; k++) {
                blocks[k] = calloc(1, SIZES[i]);
                CHECK(blocks[k] && is_zero(blocks[k], SIZES[i]));
                memset(blocks[k], 0x55, SIZES[i]);
            }
            for (int k = 0; k < 8; k++) free(blocks[k]);
        }
}

static void calloc_multiplies(void) {
    unsigned char *block = calloc(1000, 33);
    CHECK(block && malloc_usable_size(block) >= 33000 && is_zero(block, 33000));
    free(block);
}

static void calloc_of_zero(void) {
    void *a = calloc(0, 8), *b = calloc(8, 0), *c = calloc(0, 0);
    CHECK(a && b && c && a != b && b != c && a != c);
    free(a);
    free(b);
    free(c);
}

static void calloc_overflow(void) {
    static const size_t pairs[][2] = {{SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2},
                                      {(size_t)1 << 32, (size_t)1 << 32}, {1, TOO_LARGE},
                                      {SIZE_MAX / 16 + 2, 16}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        errno = 0;
        CHECK(calloc(pairs[i][0], pairs[i][1]) == NULL);
        CHECK(errno == ENOMEM);
    }
}

static void realloc_keeps_contents(void) {
    for (size_t from = 0; from < SIZE_COUNT; from += 3)
        for (size_t to = 0; to < SIZE_COUNT; to += 5) {
            size_t small = SIZES[from] < SIZES[to] ? SIZES[from] : SIZES[to];
            void *block = malloc(SIZES[from]);
            CHECK(block != NULL);
            fill(block, SIZES[from], 3);
            block = realloc(block, SIZES[to]);
            CHECK(block != NULL);
            CHECK(malloc_usable_size(block) >= SIZES[to]);
            CHECK(is_filled(block, small, 3));
            fill(block, SIZES[to], 9);
            CHECK(is_filled(block, SIZES[to], 9));
            free(block);
        }
}

static void realloc_grows_step_by_step(void) {
    size_t size = 1;
    unsigned char *block = malloc(size);
    fill(block, size, 1);
    while (size < 40u << 20) {
        size_t next = size + size / 3 + 1;
        block = realloc(block, next);
        CHECK(block && is_filled(block, size, 1));
        fill(block, next, 1);
        size = next;
    }
    while (size > 1) {
        size /= 2;
        block = realloc(block, size);
        CHECK(block && is_filled(block, size, 1));
    }
    free(block);
}

static void realloc_of_null_is_malloc(void) {
    void *a = realloc(NULL, 100), *b = realloc(NULL, 0), *c = realloc(NULL, 0);
    CHECK(a && b && c && b != c && malloc_usable_size(a) >= 100);
    free(a);
    free(b);
    free(c);
}

// glibc's manual: realloc to zero bytes frees the block and returns a null pointer.
static void realloc_to_zero_frees(void) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = malloc(SIZES[i]);
        CHECK(block != NULL);
        errno = 4711;
        CHECK(realloc(block, 0) == NULL);
        CHECK(errno == 4711);
    }
    // That it was freed shows in memory that does not grow: this is 16 GiB in all.
    limit_memory((size_t)256 << 20);
    for (int i = 0; i < 4096; i++) {
        void *block = malloc(4 << 20);
        CHECK(block != NULL);
        CHECK(realloc(block, 0) == NULL);
    }
}

static void realloc_too_large(void) {
    static const size_t from[] = {1, 100, 5000, 100000, 5000000};
    static const size_t to[] = {TOO_LARGE, SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 4; k++) {
            void *block = malloc(from[i]);
            fill(block, from[i], 5);
            errno = 0;
            CHECK(realloc(block, to[k]) == NULL);
            CHECK(errno == ENOMEM);
            CHECK(is_filled(block, from[i], 5));
            free(block);
        }
}

static void reallocarray_multiplies(void) {
    unsigned char *block = reallocarray(NULL, 10, 30);
    CHECK(block && malloc_usable_size(block) >= 300);
    fill(block, 300, 2);
    block = reallocarray(block, 1000, 30);
    CHECK(block && malloc_usable_size(block) >= 30000 && is_filled(block, 300, 2));
    free(block);
}

static void reallocarray_overflow(void) {
    void *block = malloc(300);
    fill(block, 300, 8);
    errno = 0;
    CHECK(reallocarray(block, SIZE_MAX, 2) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(reallocarray(block, (size_t)1 << 33, (size_t)1 << 31) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(reallocarray(block, 1, TOO_LARGE) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(reallocarray(NULL, SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
    CHECK(is_filled(block, 300, 8));
    free(block);
}

static void reallocarray_to_zero_frees(void) {
    CHECK(reallocarray(malloc(100), 0, 8) == NULL);
    CHECK(reallocarray(malloc(100), 8, 0) == NULL);
}

// Null and ENOMEM when memory is out, and service again once memory is there.
static void out_of_memory_of(size_t size) {
    limit_memory((size_t)96 << 20);
    void **all = NULL;
    size_t count = 0;
    for (int round = 0; round < 3; round++) {
        for (;;) {
            errno = 0;
            void **block = malloc(size);
            if (!block) break;
            *block = all;
            all = block;
            CHECK(++count < ((size_t)128 << 20) / size);
        }
        CHECK(errno == ENOMEM);
        CHECK(count > ((size_t)32 << 20) / size);
        errno = 0;
        CHECK(realloc(all, (size_t)64 << 20) == NULL && errno == ENOMEM);
        while (all) {
            void **next = *all;
            free(all);
            all = next;
        }
        count = 0;
    }
}

static void out_of_memory_small(void) { out_of_memory_of(100); }
static void out_of_memory_page(void) { out_of_memory_of(5000); }
static void out_of_memory_span(void) { out_of_memory_of(100000); }
static void out_of_memory_large(void) { out_of_memory_of(3 << 20); }

#define CASE(name) {#name, name}
CASES(CASE(malloc_gives_writable_aligned_blocks), CASE(malloc_of_zero_is_unique),
      CASE(malloc_too_large), CASE(free_of_null), CASE(free_keeps_errno),
      CASE(success_keeps_errno), CASE(calloc_is_zero_after_dirty_reuse),
      CASE(calloc_multiplies), CASE(calloc_of_zero), CASE(calloc_overflow),
      CASE(realloc_keeps_contents), CASE(realloc_grows_step_by_step),
      CASE(realloc_of_null_is_malloc), CASE(realloc_to_zero_frees), CASE(realloc_too_large),
      CASE(reallocarray_multiplies), CASE(reallocarray_overflow),
      CASE(reallocarray_to_zero_frees), CASE(out_of_memory_small), CASE(out_of_memory_page),
      CASE(out_of_memory_span), CASE(out_of_memory_large))
