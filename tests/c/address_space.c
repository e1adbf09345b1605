// A program that is short of addresses, of data, or of mappings: it gets NULL and ENOMEM, and goes on.
#include "check.h"

#include <sys/mman.h>

// Sizes of each layer.
static const size_t LAYERS[] = {24, 1000, 20000, 100000, 1500000, 3 << 20, 20 << 20};
enum { LAYER_COUNT = sizeof LAYERS / sizeof LAYERS[0], ENDS = 16 };

struct block {
    struct block *next;
    size_t size;
};

// Allocates blocks of a size until there is no memory; the list of them, each with a pattern at its end.
static struct block *exhaust(size_t size, size_t most, size_t *count) {
    struct block *all = NULL;
    for (*count = 0; *count < most; ++*count) {
        errno = 0;
        struct block *block = malloc(size);
        if (!block) {
            CHECK(errno == ENOMEM);
            break;
        }
        block->next = all;
        block->size = size;
        if (size >= sizeof *block + ENDS) fill((char *)block + size - ENDS, ENDS, (unsigned char)size);
        all = block;
    }
    return all;
}

static void release(struct block *all) {
    while (all) {
        struct block *next = all->next;
        if (all->size >= sizeof *all + ENDS)
            CHECK(is_filled((char *)all + all->size - ENDS, ENDS, (unsigned char)all->size));
        free(all);
        all = next;
    }
}

// As many blocks of each size as there are, one size after the other: what one layer gave back the
// next one gets.
static void one_layer_after_another(size_t most) {
    size_t first[LAYER_COUNT], count;
    for (int i = 0; i < LAYER_COUNT; i++)
        release(exhaust(LAYERS[i], most / LAYERS[i], &first[i]));
    for (int i = 0; i < LAYER_COUNT; i++) {
        release(exhaust(LAYERS[i], most / LAYERS[i], &count));
        CHECK(count >= first[i] / 2);
    }
}

static void every_layer() { one_layer_after_another((size_t)1 << 30); }

// With nothing left, every function answers, and blocks that are live stay whole.
static void with_nothing_left() {
    struct block *all[LAYER_COUNT];
    size_t count;
    char *live = malloc(100000);
    if (!live) return;
    fill(live, 100000, 5);
    for (int i = LAYER_COUNT - 1; i >= 0; i--)
        all[i] = exhaust(LAYERS[i], ((size_t)1 << 30) / LAYERS[i], &count);
    for (int i = 0; i < LAYER_COUNT; i++) {
        errno = 0;
        char *grown = realloc(live, 100000 + LAYERS[i] + (32 << 20));
        CHECK(grown == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(calloc(64, 1 << 20) == NULL && errno == ENOMEM);
        void *out = NULL;
        CHECK(posix_memalign(&out, 1 << 20, 64 << 20) == ENOMEM);
        malloc_trim(0);
    }
    CHECK(is_filled(live, 100000, 5));
    for (int i = 0; i < LAYER_COUNT; i++) release(all[i]);
    free(live);
    one_layer_after_another((size_t)1 << 30);
}

// Takes all the mappings that a process may have: then nothing can be split, nor anything mapped that
// does not join a neighbour.
static void without_mappings() {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size_t)1 << 20;
    char *pins = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(pins != MAP_FAILED);
    void *before[64];
    for (int i = 0; i < 64; i++) {
        before[i] = malloc(LAYERS[i % LAYER_COUNT]);
        CHECK(before[i] != NULL);
        fill(before[i], LAYERS[i % LAYER_COUNT], (unsigned char)i);
    }
    size_t pinned = 1;
    while (pinned < pages && mprotect(pins + pinned * page, page, PROT_READ) == 0) pinned += 2;
    if (pinned >= pages) {
        dprintf(1, "the system knows no limit on mappings\n");
        return;
    }
    // Blocks go home and are asked for again, in all sizes, while the system refuses.
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++) {
            size_t size = LAYERS[i % LAYER_COUNT];
            CHECK(before[i] == NULL || is_filled(before[i], size, (unsigned char)i));
            if ((i + round) % 2) {
                free(before[i]);
                before[i] = NULL;
            } else if (before[i]) {
                char *resized = realloc(before[i], size / 2 + 16);
                if (!resized) continue;
                CHECK(is_filled(resized, size / 2, (unsigned char)i));
                free(resized);
                before[i] = NULL;
            }
        }
        malloc_trim(0);
        for (int i = 0; i < 64; i++) {
            size_t size = LAYERS[i % LAYER_COUNT];
            if (!before[i]) before[i] = malloc(size);
            if (before[i]) fill(before[i], size, (unsigned char)i);
        }
    }
    for (int i = 0; i < 64; i++) free(before[i]);
    CHECK(munmap(pins, pages * page) == 0);
    malloc_trim(0);
    one_layer_after_another(64 << 20);
}

#define CASE(name) {#name, name}
CASES(CASE(every_layer), CASE(with_nothing_left), CASE(without_mappings))
