// A library for dlopen: its constructor and destructor use the heap.
#include "check.h"

static void *kept;

__attribute__((constructor)) static void load(void) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = malloc(SIZES[i]);
        CHECK(block != NULL);
        fill(block, SIZES[i], 4);
        CHECK(is_filled(block, SIZES[i], 4));
        free(block);
    }
    kept = calloc(10, 100);
    CHECK(kept != NULL);
}

__attribute__((destructor)) static void unload(void) {
    CHECK(is_zero(kept, 1000));
    free(kept);
}

void plugin_free(void *block) { free(block); }
void *plugin_malloc(size_t size) { return malloc(size); }
