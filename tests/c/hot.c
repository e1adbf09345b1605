// Calls each hot path in its steady state. Before each call stands a breakpoint: the tracer finds
// the function's address in rdi, which path it is in rsi, and the size in rdx.
#include "check.h"

enum path { MALLOC, FREE, FREE_SIZED, NEW, DELETE, DELETE_SIZED };

#define MARK(function, path, size)                                                         \
    __asm__ volatile("int3" ::"D"(function), "S"((long)(path)), "d"(size) : "memory")

static const size_t HOT_SIZES[] = {1, 8, 16, 17, 24, 32, 64, 100, 128, 129, 256, 500, 1000, 1024};

static void *look_up(const char *name) {
    void *function = dlsym(RTLD_DEFAULT, name);
    CHECK(function != NULL);
    return function;
}

static void measure(size_t size) {
    void *(*make)(size_t) = look_up("malloc");
    void *(*new)(size_t) = look_up("_Znwm");
    void (*drop)(void *) = look_up("free");
    void (*drop_sized)(void *, size_t) = look_up("free_sized");
    void (*delete)(void *) = look_up("_ZdlPv");
    void (*delete_sized)(void *, size_t) = look_up("_ZdlPvm");

    // Into the steady state: the list is neither empty nor full.
    void *blocks[16];
    for (int i = 0; i < 16; i++) blocks[i] = make(size);
    for (int i = 0; i < 16; i++) drop(blocks[i]);
    for (int i = 0; i < 8; i++) blocks[i] = make(size);

    for (int round = 0; round < 3; round++) {
        void *block;
        MARK(make, MALLOC, size);
        block = make(size);
        MARK(drop, FREE, size);
        drop(block);
        MARK(new, NEW, size);
        block = new (size);
        MARK(delete, DELETE, size);
        delete (block);
        block = make(size);
        MARK(drop_sized, FREE_SIZED, size);
        drop_sized(block, size);
        block = new (size);
        MARK(delete_sized, DELETE_SIZED, size);
        delete_sized(block, size);
    }
    for (int i = 0; i < 8; i++) drop(blocks[i]);
}

int main(void) {
    for (size_t i = 0; i < sizeof HOT_SIZES / sizeof HOT_SIZES[0]; i++) measure(HOT_SIZES[i]);
    return 0;
}
