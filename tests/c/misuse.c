// One misuse of the heap a run. The address in question is printed first, and `survived` last.
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>

static char in_data[256] __attribute__((aligned(64))) = "not from a heap";

static void name(void *address) { dprintf(1, "%p\n", address); }

static size_t size_argument(char **argv) { return strtoul(argv[2], NULL, 10); }

static void foreign_data(char **argv) {
    name(in_data + 64);
    free(in_data + 64);
}

static void foreign_stack(char **argv) {
    char on_stack[256] __attribute__((aligned(64)));
    on_stack[0] = 1;
    name(on_stack);
    free(on_stack);
}

static void foreign_mapping(char **argv) {
    char *mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    name(mapping + 65536);
    free(mapping + 65536);
}

// Addresses that no mapping can have: they must be recognised without being followed.
static void foreign_wild(char **argv) {
    void *wild = (void *)strtoul(argv[2], NULL, 16);
    name(wild);
    free(wild);
}

static void foreign_realloc(char **argv) {
    name(in_data + 64);
    void *moved = realloc(in_data + 64, 1000);
    CHECK(moved == NULL);
}

// With HAKMEM_FOREIGN=libc a block of the C library's own malloc goes back to it. The C library
// counts a large block as mapped for as long as it is not freed.
static void foreign_of_libc(char **argv) {
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    void *(*libc_malloc)(size_t) = dlsym(libc, "__libc_malloc");
    struct mallinfo2 (*libc_info)(void) = dlsym(libc, "mallinfo2");
    CHECK(libc_malloc && libc_info);
    size_t before = libc_info().hblkhd;
    void *block = libc_malloc(8 << 20);
    CHECK(libc_info().hblkhd > before);
    name(block);
    free(block);
    CHECK(libc_info().hblkhd == before);
}

static void double_free(char **argv) {
    size_t size = size_argument(argv);
    void *keep = malloc(size), *block = malloc(size);
    name(block);
    free(block);
    free(block);
    free(keep);
}

static void double_free_sized(char **argv) {
    void (*sized)(void *, size_t) = dlsym(RTLD_DEFAULT, "free_sized");
    size_t size = size_argument(argv);
    void *block = malloc(size);
    name(block);
    sized(block, size);
    sized(block, size);
}

static void free_after_realloc_to_zero(char **argv) {
    void *block = malloc(size_argument(argv));
    name(block);
    CHECK(realloc(block, 0) == NULL);
    free(block);
}

static void *free_it(void *block) {
    free(block);
    return NULL;
}

static void in_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void interior(char **argv) {
    char *block = malloc(size_argument(argv));
    char *inside = block + strtoul(argv[3], NULL, 10);
    name(inside);
    free(inside);
}

static void *interior_of_own_small(void *argument) {
    char *block = malloc((size_t)argument);
    name(block + 16);
    free(block + 16);
    return NULL;
}

// Seen at the latest when the thread ends and its blocks go home.
static void interior_small_in_thread(char **argv) {
    in_thread(interior_of_own_small, (void *)size_argument(argv));
}

// Another thread's block: seen at the latest when the outbox goes home.
static void interior_small_of_other_thread(char **argv) {
    char *block = malloc(size_argument(argv));
    name(block + 16);
    in_thread(free_it, block + 16);
}

// Seen at the latest when the list runs over.
static void interior_small_until_spill(char **argv) {
    size_t size = size_argument(argv);
    enum { COUNT = 200000 };
    static void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) blocks[i] = malloc(size);
    char *inside = (char *)blocks[1] + 16;
    name(inside);
    free(inside);
    for (int i = 2; i < COUNT; i++) free(blocks[i]);
}

static void wrong_size(char **argv) {
    void (*sized)(void *, size_t) = dlsym(RTLD_DEFAULT, "free_sized");
    void *block = malloc(size_argument(argv));
    name(block);
    sized(block, strtoul(argv[3], NULL, 10));
}

static void wrong_aligned_size(char **argv) {
    void (*sized)(void *, size_t, size_t) = dlsym(RTLD_DEFAULT, "free_aligned_sized");
    void *block = aligned_alloc(64, size_argument(argv));
    name(block);
    sized(block, 64, strtoul(argv[3], NULL, 10));
}

// The sized operator delete, called as a C++ compiler calls it.
static void wrong_size_in_delete(char **argv) {
    void *(*make)(size_t) = dlsym(RTLD_DEFAULT, "_Znwm");
    void (*drop)(void *, size_t) = dlsym(RTLD_DEFAULT, "_ZdlPvm");
    CHECK(make && drop);
    void *block = make(size_argument(argv));
    name(block);
    drop(block, strtoul(argv[3], NULL, 10));
}

static void nothing(char **argv) {
    name(NULL);
    for (size_t i = 0; i < SIZE_COUNT; i++) free(malloc(SIZES[i]));
}

static const struct {
    const char *name;
    void (*run)(char **argv);
} MISUSES[] = {
#define MISUSE(name) {#name, name}
    MISUSE(foreign_data), MISUSE(foreign_stack), MISUSE(foreign_mapping), MISUSE(foreign_wild),
    MISUSE(foreign_realloc), MISUSE(foreign_of_libc), MISUSE(double_free),
    MISUSE(double_free_sized), MISUSE(free_after_realloc_to_zero), MISUSE(interior),
    MISUSE(interior_small_in_thread), MISUSE(interior_small_of_other_thread),
    MISUSE(interior_small_until_spill), MISUSE(wrong_size), MISUSE(wrong_aligned_size),
    MISUSE(wrong_size_in_delete), MISUSE(nothing),
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof MISUSES / sizeof MISUSES[0]; i++)
        if (strcmp(MISUSES[i].name, argv[1]) == 0) {
            MISUSES[i].run(argv);
            dprintf(1, "survived\n");
            return 0;
        }
    return 98;
}
