// posix_memalign, aligned_alloc, memalign, valloc and pvalloc.
#include "check.h"

static const size_t LARGEST_ALIGN = (size_t)4 << 20;

// Checks blocks of many sizes at one alignment, alive all at once.
static void check_blocks(size_t align, void *(*allocate)(size_t align, size_t size)) {
    void *blocks[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        blocks[i] = allocate(align, SIZES[i]);
        CHECK(blocks[i] != NULL);
        CHECK(is_aligned(blocks[i], align));
        CHECK(malloc_usable_size(blocks[i]) >= SIZES[i]);
        fill(blocks[i], SIZES[i], (unsigned char)(i + align));
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        CHECK(is_filled(blocks[i], SIZES[i], (unsigned char)(i + align)));
        // Every such block may be given to realloc, which need not keep the alignment.
        if (i % 2) {
            blocks[i] = realloc(blocks[i], SIZES[i] + 1000);
            CHECK(blocks[i] && is_filled(blocks[i], SIZES[i], (unsigned char)(i + align)));
        }
        free(blocks[i]);
    }
}

static void *by_posix_memalign(size_t align, size_t size) {
    void *block = NULL;
    CHECK(posix_memalign(&block, align, size) == 0);
    return block;
}

static void posix_memalign_aligns(void) {
    for (size_t align = sizeof(void *); align <= LARGEST_ALIGN; align *= 2)
        check_blocks(align, by_posix_memalign);
}

static void aligned_alloc_aligns(void) {
    for (size_t align = 1; align <= LARGEST_ALIGN; align *= 2) check_blocks(align, aligned_alloc);
}

static void memalign_aligns(void) {
    for (size_t align = 1; align <= LARGEST_ALIGN; align *= 2) check_blocks(align, memalign);
}

static void huge_alignments(void) {
    for (size_t align = (size_t)8 << 20; align <= (size_t)1 << 30; align *= 2) {
        char *block = aligned_alloc(align, 1000);
        CHECK(block && is_aligned(block, align));
        block[999] = 1;
        free(block);
    }
}

// The result says what is wrong; errno and the pointer stay as they were.
static void posix_memalign_bad_alignment(void) {
    static const size_t bad[] = {0, 1, 2, 4, 3, 5, 12, 24, 48, 100, 4095, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *block = (void *)0x1234;
        errno = 4711;
        CHECK(posix_memalign(&block, bad[i], 100) == EINVAL);
        CHECK(errno == 4711);
        CHECK(block == (void *)0x1234);
    }
}

static void posix_memalign_too_large(void) {
    static const size_t sizes[] = {TOO_LARGE, SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX};
    for (size_t i = 0; i < 4; i++)
        for (size_t align = 8; align <= 1 << 20; align *= 8) {
            void *block = (void *)0x1234;
            errno = 4711;
            CHECK(posix_memalign(&block, align, sizes[i]) == ENOMEM);
            CHECK(errno == 4711);
            CHECK(block == (void *)0x1234);
        }
    void *block = NULL;
    CHECK(posix_memalign(&block, TOO_LARGE, 1) == ENOMEM);
}

static void posix_memalign_of_zero(void) {
    void *a = NULL, *b = NULL;
    CHECK(posix_memalign(&a, 64, 0) == 0 && posix_memalign(&b, 64, 0) == 0);
    CHECK(a && b && a != b && is_aligned(a, 64) && is_aligned(b, 64));
    free(a);
    free(b);
}

static void bad_alignment_of(void *(*allocate)(size_t, size_t)) {
    static const size_t bad[] = {0, 3, 5, 6, 12, 24, 100, 4095, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = 0;
        CHECK(allocate(bad[i], 96) == NULL);
        CHECK(errno == EINVAL);
    }
}

static void too_large_of(void *(*allocate)(size_t, size_t)) {
    static const size_t sizes[] = {TOO_LARGE, SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX};
    for (size_t i = 0; i < 4; i++)
        for (size_t align = 8; align <= 1 << 20; align *= 8) {
            errno = 0;
            CHECK(allocate(align, sizes[i]) == NULL);
            CHECK(errno == ENOMEM);
        }
    errno = 0;
    CHECK(allocate(TOO_LARGE, 1) == NULL);
    CHECK(errno == ENOMEM);
}

static void of_zero(void *(*allocate)(size_t, size_t)) {
    void *a = allocate(256, 0), *b = allocate(256, 0);
    CHECK(a && b && a != b && is_aligned(a, 256) && is_aligned(b, 256));
    free(a);
    free(b);
}

static void aligned_alloc_bad_alignment(void) { bad_alignment_of(aligned_alloc); }
static void aligned_alloc_too_large(void) { too_large_of(aligned_alloc); }
static void aligned_alloc_of_zero(void) { of_zero(aligned_alloc); }
static void memalign_bad_alignment(void) { bad_alignment_of(memalign); }
static void memalign_too_large(void) { too_large_of(memalign); }
static void memalign_of_zero(void) { of_zero(memalign); }

// C23 asks no longer that the size be a multiple of the alignment.
static void aligned_alloc_odd_size(void) {
    char *block = aligned_alloc(64, 65);
    CHECK(block && is_aligned(block, 64) && malloc_usable_size(block) >= 65);
    free(block);
}

static void whole_pages_of(void *(*allocate)(size_t), int rounds_up) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = allocate(SIZES[i]);
        CHECK(block && is_aligned(block, page));
        size_t size = rounds_up ? (SIZES[i] + page - 1) / page * page : SIZES[i];
        CHECK(malloc_usable_size(block) >= size);
        fill(block, size, 1);
        CHECK(is_filled(block, size, 1));
        free(block);
    }
    void *empty = allocate(0);
    CHECK(empty && is_aligned(empty, page));
    free(empty);
    static const size_t sizes[] = {TOO_LARGE, SIZE_MAX, SIZE_MAX - 100, PTRDIFF_MAX};
    for (size_t i = 0; i < 4; i++) {
        errno = 0;
        CHECK(allocate(sizes[i]) == NULL);
        CHECK(errno == ENOMEM);
    }
}

static void valloc_gives_pages(void) { whole_pages_of(valloc, 0); }
static void pvalloc_gives_whole_pages(void) { whole_pages_of(pvalloc, 1); }

// A request of huge alignment must not take memory that it does not need for good.
static void aligned_blocks_come_back(void) {
    limit_memory((size_t)512 << 20);
    for (int i = 0; i < 2000; i++) {
        void *block = aligned_alloc((size_t)1 << 20, (size_t)3 << 20);
        CHECK(block != NULL);
        free(block);
    }
}

#define CASE(name) {#name, name}
CASES(CASE(posix_memalign_aligns), CASE(aligned_alloc_aligns), CASE(memalign_aligns),
      CASE(huge_alignments), CASE(posix_memalign_bad_alignment), CASE(posix_memalign_too_large),
      CASE(posix_memalign_of_zero), CASE(aligned_alloc_bad_alignment),
      CASE(aligned_alloc_too_large), CASE(aligned_alloc_of_zero), CASE(memalign_bad_alignment),
      CASE(memalign_too_large), CASE(memalign_of_zero), CASE(aligned_alloc_odd_size),
      CASE(valloc_gives_pages), CASE(pvalloc_gives_whole_pages), CASE(aligned_blocks_come_back))
