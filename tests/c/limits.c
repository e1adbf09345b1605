// Limits on the heap's memory, by hakmem.h and by the environment.
#include "limits.h"

// Allocates blocks of `size` bytes until there is no memory, frees them, and answers their number.
static size_t exhaust(size_t size, size_t limit) {
    void **all = NULL;
    size_t count = 0;
    for (;;) {
        errno = 0;
        void **block = malloc(size);
        CHECK(hakmem_mapped() <= limit);
        if (!block) break;
        *block = all;
        all = block;
        CHECK(++count <= limit / size);
    }
    CHECK(errno == ENOMEM);
    while (all) {
        void **next = *all;
        free(all);
        all = next;
    }
    return count;
}

static void every_size_is_refused_and_served_again(void) {
    static const size_t sizes[] = {100, 5000, 100000, 3 << 20, 100};
    leave(32 * MIB);
    size_t limit = hakmem_mapped() + 32 * MIB;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        CHECK(exhaust(sizes[i], limit) > 20 * MIB / sizes[i]);
    hakmem_set_limit(0);
    void *block = malloc(64 * MIB);
    CHECK(block != NULL);
    free(block);
    leave(MIB);
    hakmem_set_limit(SIZE_MAX);
    block = malloc(64 * MIB);
    CHECK(block != NULL);
    free(block);
}

static void every_function_is_refused(void) {
    char *block = malloc(100000);
    fill(block, 100000, 1);
    void *out = &out;
    leave(4 * MIB);
#define REFUSED(call) (errno = 0, (call) == NULL && errno == ENOMEM)
    CHECK(REFUSED(malloc(8 * MIB)));
    CHECK(REFUSED(calloc(8, MIB)));
    CHECK(REFUSED(realloc(NULL, 8 * MIB)));
    CHECK(REFUSED(realloc(block, 8 * MIB)));
    CHECK(REFUSED(reallocarray(block, 8, MIB)));
    CHECK(REFUSED(aligned_alloc(64, 8 * MIB)));
    CHECK(REFUSED(memalign(4096, 8 * MIB)));
    CHECK(REFUSED(valloc(8 * MIB)));
    CHECK(REFUSED(pvalloc(8 * MIB)));
    errno = 4711;
    CHECK(posix_memalign(&out, 64, 8 * MIB) == ENOMEM && out == &out && errno == 4711);
    CHECK(is_filled(block, 100000, 1));
    free(block);
}

// Run with HAKMEM_LIMIT=64M.
static void the_environment_limits(void) {
    for (int round = 0; round < 2; round++) {
        CHECK(exhaust(100000, 64 * MIB) > 40 * MIB / 100000);
        CHECK(exhaust(3 * MIB, 64 * MIB) > 12);
    }
}

// Run with values that are none.
static void nothing_is_limited(void) {
    void *block = malloc(256 * MIB);
    CHECK(block != NULL);
    free(block);
}

static void a_limit_below_what_is_mapped(void) {
    void *live = malloc(32 * MIB), *kept = malloc(16 * MIB);
    fill(live, 32 * MIB, 7);
    free(kept);
    size_t before = hakmem_mapped();
    hakmem_set_limit(20 * MIB);
    CHECK(hakmem_mapped() <= before - 16 * MIB && hakmem_mapped() >= 32 * MIB);
    CHECK(REFUSED(malloc(4 * MIB)));
    CHECK(is_filled(live, 32 * MIB, 7));
    free(live);
    CHECK(exhaust(4 * MIB, 20 * MIB) >= 3);
}

// Run with HAKMEM_SOFT_LIMIT=32M where `more` is set: what is kept free goes before more is mapped.
static size_t most_mapped(void) {
    void *blocks[16];
    for (int i = 0; i < 16; i++) CHECK((blocks[i] = malloc(4 * MIB)) != NULL);
    for (int i = 0; i < 16; i += 4) free(blocks[i]);
    void *more = calloc(9, MIB);
    CHECK(more != NULL);
    return hakmem_mapped();
}

static void the_soft_limit_releases(void) { CHECK(most_mapped() < 60 * MIB); }

static void without_a_soft_limit_memory_is_kept(void) { CHECK(most_mapped() > 65 * MIB); }

static void the_soft_limit_may_be_set(void) {
    hakmem_set_soft_limit(32 * MIB);
    the_soft_limit_releases();
    size_t before = hakmem_mapped();
    hakmem_set_soft_limit(0);
    void *block = malloc(8 * MIB);
    free(block);
    CHECK(hakmem_mapped() > before);
}

static void the_reserve_serves_each_function(void) {
    keep_a_reserve();
    void *block = malloc(16 * MIB);
    check_the_reserve_served(block, 16 * MIB);
    free(block);

    keep_a_reserve();
    block = calloc(16, MIB);
    check_the_reserve_served(block, 16 * MIB);
    CHECK(is_zero(block, 16 * MIB));
    free(block);

    keep_a_reserve();
    block = realloc(NULL, 16 * MIB);
    check_the_reserve_served(block, 16 * MIB);
    free(block);

    static const size_t sizes[] = {100, 100000, 3 << 20};
    for (int i = 0; i < 3; i++) {
        char *old = malloc(sizes[i]);
        fill(old, sizes[i], 3);
        keep_a_reserve();
        block = realloc(old, 16 * MIB);
        CHECK(block != NULL && reserve == NULL && calls == 1 && errno == 4711);
        CHECK(is_filled(block, sizes[i], 3));
        free(block);
    }

    keep_a_reserve();
    block = aligned_alloc(64, 16 * MIB);
    check_the_reserve_served(block, 16 * MIB);
    free(block);

    keep_a_reserve();
    CHECK(posix_memalign(&block, 4096, 16 * MIB) == 0);
    check_the_reserve_served(block, 16 * MIB);
    free(block);

    // Small blocks too, once there is no room for one more slab.
    keep_a_reserve();
    for (size_t count = 0; reserve; count++) {
        CHECK(malloc(1000) != NULL);
        CHECK(count <= 16 * MIB / 1000);
    }
    CHECK(calls == 1 && last.size == 1000);
}

static void what_the_function_refuses_is_refused(void) {
    hakmem_on_refusal(refuse, NULL);
    leave(4 * MIB);
    CHECK(REFUSED(malloc(8 * MIB)));
    CHECK(calls == 1 && last.size == 8 * MIB);
    CHECK(REFUSED(malloc(TOO_LARGE)) && REFUSED(calloc(SIZE_MAX, 2)));
    CHECK(calls == 1);
    hakmem_on_refusal(NULL, NULL);
    CHECK(REFUSED(malloc(8 * MIB)));
    CHECK(calls == 1);
    // Without a limit it is the system that refuses.
    hakmem_on_refusal(refuse, NULL);
    hakmem_set_limit(0);
    CHECK(REFUSED(malloc((size_t)1 << 50)));
    CHECK(calls == 2 && last.limit == SIZE_MAX);
}

static int try_again(const struct hakmem_refusal *refusal, void *argument) {
    (void)refusal;
    ++*(int *)argument;
    return HAKMEM_TRY_AGAIN;
}

static void to_try_again_comes_to_an_end(void) {
    int tries = 0;
    hakmem_on_refusal(try_again, &tries);
    leave(4 * MIB);
    CHECK(REFUSED(malloc(8 * MIB)));
    CHECK(tries == 16);
    CHECK(REFUSED(calloc(8, MIB)));
    CHECK(tries == 32);
}

static int allocate_inside(const struct hakmem_refusal *refusal, void *argument) {
    (void)argument;
    calls++;
    CHECK(REFUSED(malloc(refusal->size)));
    void *small = malloc(1000);
    CHECK(small != NULL);
    free(small);
    return HAKMEM_REFUSE;
}

static void the_function_may_allocate(void) {
    hakmem_on_refusal(allocate_inside, NULL);
    leave(4 * MIB);
    for (int i = 1; i < 4; i++) {
        CHECK(REFUSED(malloc(8 * MIB)));
        CHECK(calls == i);
    }
}

#define CASE(name) {#name, name}
CASES(CASE(every_size_is_refused_and_served_again), CASE(every_function_is_refused),
      CASE(the_environment_limits), CASE(nothing_is_limited), CASE(a_limit_below_what_is_mapped),
      CASE(the_soft_limit_releases), CASE(without_a_soft_limit_memory_is_kept),
      CASE(the_soft_limit_may_be_set), CASE(the_reserve_serves_each_function),
      CASE(what_the_function_refuses_is_refused), CASE(to_try_again_comes_to_an_end),
      CASE(the_function_may_allocate))
