// The functions beside allocation: sized frees, usable size, tuning and reports.
#include "check.h"

// Older C libraries do not declare C23's functions, so they are looked up.
static void free_with_size(void *block, size_t size) {
    void (*function)(void *, size_t) = dlsym(RTLD_DEFAULT, "free_sized");
    CHECK(function != NULL);
    function(block, size);
}

static void free_with_alignment(void *block, size_t align, size_t size) {
    void (*function)(void *, size_t, size_t) = dlsym(RTLD_DEFAULT, "free_aligned_sized");
    CHECK(function != NULL);
    function(block, align, size);
}

static void free_sized_takes_every_size(void) {
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            void *block = malloc(SIZES[i]);
            fill(block, SIZES[i], 1);
            free_with_size(block, SIZES[i]);
            block = calloc(1, SIZES[i]);
            CHECK(is_zero(block, SIZES[i]));
            free_with_size(block, SIZES[i]);
            block = realloc(malloc(5), SIZES[i]);
            free_with_size(block, SIZES[i]);
        }
    free_with_size(NULL, 0);
    free_with_size(NULL, 100);
    free_with_size(malloc(0), 0);
}

static void free_aligned_sized_takes_every_size(void) {
    for (size_t align = 1; align <= (size_t)1 << 20; align *= 2)
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            void *block = aligned_alloc(align, SIZES[i]);
            CHECK(block && is_aligned(block, align));
            fill(block, SIZES[i], 1);
            free_with_alignment(block, align, SIZES[i]);
        }
    free_with_alignment(NULL, 64, 0);
}

static void usable_size_is_usable(void) {
    CHECK(malloc_usable_size(NULL) == 0);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *a = malloc(SIZES[i]), *b = malloc(SIZES[i]);
        size_t size = malloc_usable_size(a);
        CHECK(size >= SIZES[i] && size <= SIZES[i] * 2 + 4096);
        fill(a, size, 1);
        fill(b, malloc_usable_size(b), 2);
        CHECK(is_filled(a, size, 1));
        free(a);
        free(b);
    }
}

static void malloc_trim_gives_a_truth_value(void) {
    for (int i = 0; i < 3; i++) {
        void *blocks[100];
        for (int k = 0; k < 100; k++) blocks[k] = malloc(50000), fill(blocks[k], 50000, 1);
        for (int k = 0; k < 100; k++) free(blocks[k]);
        int result = malloc_trim(0);
        CHECK(result == 0 || result == 1);
    }
    void *after = malloc(100);
    CHECK(after != NULL);
    free(after);
}

static void mallopt_takes_the_known_names(void) {
    static const int known[] = {M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX};
    for (size_t i = 0; i < 4; i++) CHECK(mallopt(known[i], 128 * 1024) == 1);
    free(malloc(100));
}

static size_t in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void mallinfo2_follows_what_is_in_use(void) {
    size_t before = in_use();
    char *blocks[64];
    for (int i = 0; i < 64; i++) blocks[i] = malloc(1 << 20);
    CHECK(in_use() >= before + ((size_t)60 << 20));
    CHECK(mallinfo2().arena + mallinfo2().hblkhd >= (size_t)60 << 20);
    for (int i = 0; i < 64; i++) free(blocks[i]);
    CHECK(in_use() <= before + ((size_t)16 << 20));
}

static void mallinfo_follows_what_is_in_use(void) {
    struct mallinfo before = mallinfo();
    char *block = malloc(64 << 20);
    struct mallinfo with = mallinfo();
    CHECK(with.uordblks + with.hblkhd >= before.uordblks + before.hblkhd + (60 << 20));
    free(block);
}

static void malloc_stats_writes_to_stderr(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    int saved = dup(2);
    fflush(stderr);
    dup2(ends[1], 2);
    malloc_stats();
    fflush(stderr);
    dup2(saved, 2);
    close(ends[1]);
    char text[4096];
    CHECK(read(ends[0], text, sizeof text) > 10);
}

static void malloc_info_writes_xml(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(malloc_info(0, stream) == 0);
    fclose(stream);
    CHECK(size > 0 && strncmp(text, "<malloc", 7) == 0);
    CHECK(strstr(text, "</malloc>") != NULL);
    free(text);
}

static void malloc_info_refuses_options(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(malloc_info(1, stream) != 0);
    fclose(stream);
    CHECK(size == 0);
    free(text);
}

// Each of the functions must be the preloaded library's, not the C library's.
static void all_come_from_one_library(void) {
    static const char *const names[] = {
        "malloc",        "free",           "calloc",        "realloc",
        "reallocarray",  "posix_memalign", "aligned_alloc", "memalign",
        "valloc",        "pvalloc",        "malloc_usable_size",
        "free_sized",    "free_aligned_sized", "malloc_trim", "mallopt",
        "mallinfo",      "mallinfo2",      "malloc_stats",  "malloc_info",
        // operator new and delete: plain, array, nothrow, sized, aligned.
        "_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t",
        "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
        "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
        "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm", "_ZdlPvRKSt9nothrow_t",
        "_ZdaPvRKSt9nothrow_t", "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t",
        "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
        "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t",
    };
    Dl_info first, other;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &first) != 0);
    CHECK(strcmp(first.dli_fname, getenv("LD_PRELOAD")) == 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *function = dlsym(RTLD_DEFAULT, names[i]);
        if (!function || !dladdr(function, &other) || other.dli_fbase != first.dli_fbase) {
            dprintf(2, "%s is not in the preloaded library\n", names[i]);
            _exit(99);
        }
    }
}

#define CASE(name) {#name, name}
CASES(CASE(free_sized_takes_every_size), CASE(free_aligned_sized_takes_every_size),
      CASE(usable_size_is_usable), CASE(malloc_trim_gives_a_truth_value),
      CASE(mallopt_takes_the_known_names), CASE(mallinfo2_follows_what_is_in_use),
      CASE(mallinfo_follows_what_is_in_use), CASE(malloc_stats_writes_to_stderr),
      CASE(malloc_info_writes_xml), CASE(malloc_info_refuses_options),
      CASE(all_come_from_one_library))
