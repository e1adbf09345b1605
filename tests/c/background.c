// The thread that gives memory back: when it comes, what it does, and what it leaves alone.
#include "background.h"

#include <sched.h>
#include <sys/wait.h>

static void wait_for(pid_t child) {
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

static void alone_no_thread_comes(void) {
    grow(64 * MIB, MIB);
    grow(64 * MIB, 1000);
    CHECK(threads().all == 1);
}

// Says how `unshare` fares in a program that has grown.
static void unshare_after_growth(void) {
    grow(64 * MIB, MIB);
    int error = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
    dprintf(1, "%s\n", error == 0 ? "done" : error == EINVAL ? "EINVAL" : "forbidden");
}

static void alone_a_thread_comes_with_growth(void) {
    grow(MIB, 1000);
    CHECK(threads().all == 1);
    grow(64 * MIB, MIB);
    AWAIT(threads().hakmem == 1);
    grow(64 * MIB, 1000);
    CHECK(threads().all == 2);
}

static void no_thread_comes(void) {
    start_workers(wait_life);
    step();
    grow(64 * MIB, 1000);
    CHECK(threads().all == THREADS + 1);
    step();
    join_workers();
}

static void a_thread_comes(void) {
    start_workers(wait_life);
    step();
    CHECK(threads().hakmem == 0);
    grow(64 * MIB, MIB);
    AWAIT(threads().hakmem == 1);
    step();
    join_workers();
}

// A worker that never uses the heap.
static void *heapless_life(void *unused) {
    (void)unused;
    step();
    step();
    return NULL;
}

static void a_thread_comes_beside_heapless_ones(void) {
    start_workers(heapless_life);
    step();
    grow(64 * MIB, MIB);
    AWAIT(threads().hakmem == 1);
    step();
    join_workers();
}

// Growth first, and threads later, as many programs do.
static void a_thread_comes_with_threads(void) {
    grow(64 * MIB, MIB);
    void *kept = malloc(16 * MIB);
    CHECK(threads().all == 1);
    start_workers(wait_life);
    step();
    AWAIT(threads().hakmem == 1);
    step();
    join_workers();
    free(kept);
}

static void it_blocks_signals_and_rests(void) {
    start_workers(wait_life);
    step();
    grow(64 * MIB, 1000);
    AWAIT(threads().hakmem == 1);
    int tid = threads().tid;
    char text[4096];
    uint64_t blocked = strtoull(status(tid, "\nSigBlk:", text, sizeof text), NULL, 16);
    // The C library keeps 32 and 33 for itself; KILL and STOP cannot be blocked.
    uint64_t free_signals = 3ULL << 31 | 1ULL << (9 - 1) | 1ULL << (19 - 1);
    CHECK((blocked | free_signals) == UINT64_MAX);
    // The C library asks every thread to change its user, by a signal, and waits for all.
    CHECK(setuid(getuid()) == 0);
    for (int round = 0; round < 2; round++) {
        await_rest(tid);
        struct work before = work(tid);
        grow(64 * MIB, 1000);
        AWAIT(work(tid).sleeps != before.sleeps);
    }
    CHECK(threads().hakmem == 1);
    step();
    join_workers();
}

// One burst of a worker: many sizes, and blocks that other workers free.
static void *burst_life(void *number) {
    unsigned char seed = (unsigned char)(uintptr_t)number;
    char *kept = malloc(60000);
    fill(kept, 60000, seed);
    step();
    step();
    for (size_t size = 16; size <= 2048; size *= 2) grow(4 * MIB, size);
    grow(4 * MIB, 100000);
    step();
    step();
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        char *block = malloc(SIZES[i]), *again = calloc(1, SIZES[i]);
        fill(block, SIZES[i], seed);
        CHECK(is_zero(again, SIZES[i]) && is_filled(block, SIZES[i], seed));
        free(block);
        free(again);
    }
    CHECK(is_filled(kept, 60000, seed));
    free(kept);
    return NULL;
}

// What a worker's lists may still hold when they were emptied: a block of each class.
#define LEFT (THREADS * (size_t)64 << 10)

static void memory_returns(void) {
    void *kept[1000];
    start_workers(burst_life);
    // Its workers keep as much as they free, so that the bound alone has no reason to release.
    size_t live = 64 * MIB;
    char *large = malloc(live);
    fill(large, live, 5);
    step();
    size_t before = resident(), held_before = held();
    step();
    step();
    for (int i = 0; i < 1000; i++) kept[i] = malloc(2000);
    for (int i = 0; i < 1000; i++) free(kept[i]);
    AWAIT(resident() <= before + 4 * MIB);
    AWAIT(held() <= held_before + LEFT);
    CHECK(is_filled(large, live, 5));
    step();
    join_workers();
    free(large);
}

// With HAKMEM_DECAY=off.
static void memory_stays_until_a_trim(void) {
    start_workers(wait_life);
    step();
    size_t before = resident();
    grow(64 * MIB, 1000);
    nap(1000);
    CHECK(threads().all == THREADS + 1);
    CHECK(resident() > before + 56 * MIB);
    CHECK(malloc_trim(0) == 1);
    CHECK(resident() < before + 4 * MIB);
    step();
    join_workers();
}

static void a_child_starts_its_own(void) {
    start_workers(wait_life);
    step();
    void *live = malloc(64 * MIB);
    fill(live, 64 * MIB, 1);
    AWAIT(threads().hakmem == 1);
    pid_t child = fork();
    if (child == 0) {
        alarm(100);
        CHECK(threads().all == 1);
        grow(4 * MIB, 1000);
        CHECK(threads().all == 1);
        CHECK(is_filled(live, 64 * MIB, 1));
        start_workers(wait_life);
        step();
        AWAIT(threads().hakmem == 1);
        step();
        join_workers();
        free(live);
        // The process ends by `exit`, with the thread in it.
        exit(0);
    }
    wait_for(child);
    CHECK(threads().hakmem == 1);
    step();
    join_workers();
}

// Holds a little of some sizes, more and less by turns, so that its lists are never idle; and leaves
// much in the lists of others.
static atomic_int stop;

static void *busy_life(void *unused) {
    (void)unused;
    void *some[64] = {NULL};
    for (size_t size = 16; size <= 2048; size *= 2) grow(MIB, size);
    step();
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        unsigned random = i * 2654435761u >> 16;
        free(some[random % 64]);
        some[random % 64] = random & 64 ? malloc(100) : NULL;
        if (i % 64 == 0) nap(1);
    }
    for (int i = 0; i < 64; i++) free(some[i]);
    step();
    return NULL;
}

static void stop_busy_workers(void) {
    atomic_store(&stop, 1);
    step();
    join_workers();
}

// Decay leaves alone what is in use.
static void busy_lists_are_kept(void) {
    size_t before = held();
    start_workers(busy_life);
    step();
    free(malloc(64 * MIB));
    AWAIT(threads().hakmem == 1);
    int tid = threads().tid;
    unsigned long sleeps = work(tid).sleeps;
    AWAIT(work(tid).sleeps >= sleeps + 5);
    CHECK(held() > before + LEFT);
    stop_busy_workers();
}

// Where memory is short all lists are emptied.
static void busy_lists_are_emptied(void) {
    size_t before = held();
    start_workers(busy_life);
    step();
    free(malloc(64 * MIB));
    AWAIT(held() < before + LEFT);
    stop_busy_workers();
}

// Looks at what `hakmem_purge` answers, with HAKMEM_BACKGROUND=off.
static void purge_reaches_other_threads(void) {
    static void *pages[3000];
    start_workers(burst_life);
    step();
    size_t held_before = held();
    step();
    step();
    size_t held_full = held(), resident_full = resident();
    struct hakmem_purged answer, again;
    memset(&answer, 0xff, sizeof answer);
    hakmem_purge(&answer);
    CHECK(held() < held_before + LEFT && held() < held_full);
    CHECK(answer.bytes > 0 && answer.refused == 0 && answer.caches == 0 && answer.cached == 0);
    CHECK(resident() < resident_full);
    hakmem_purge(&again);
    CHECK(again.bytes == 0);
    hakmem_purge(NULL);
    CHECK(malloc_trim(0) == 0);
    // One block of each page stays, and pins it.
    for (int i = 0; i < 3000; i++) pages[i] = malloc(1000);
    for (int i = 0; i < 3000; i++)
        if (i % 4) free(pages[i]);
    hakmem_purge(&again);
    CHECK(again.pinned > answer.pinned + 1000 * 1000);
    for (int i = 0; i < 3000; i += 4) free(pages[i]);
    step();
    join_workers();
}

static void *growing_life(void *unused) {
    (void)unused;
    free(malloc(100));
    step();
    free(malloc(16 * MIB));
    free(malloc(100000));
    step();
    step();
    return NULL;
}

// Several threads find at once that it is time.
static void only_one_comes(void) {
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(100);
            start_workers(growing_life);
            step();
            free(malloc(16 * MIB));
            step();
            AWAIT(threads().hakmem > 0);
            CHECK(threads().all == THREADS + 2);
            step();
            join_workers();
            _exit(0);
        }
        wait_for(child);
    }
}

static int in_handler;

static void allocate_in_handler(void) {
    if (!in_handler) return;
    grow(MIB, 1000);
    grow(MIB, 100000);
    CHECK(threads().all == 1);
}

// With HAKMEM_BACKGROUND=on, where one thread is enough.
static void no_thread_comes_in_a_fork_handler(void) {
    CHECK(pthread_atfork(NULL, NULL, allocate_in_handler) == 0);
    void *live = malloc(64 * MIB);
    fill(live, 64 * MIB, 1);
    AWAIT(threads().hakmem == 1);
    in_handler = 1;
    pid_t child = fork();
    if (child == 0) {
        alarm(100);
        CHECK(threads().all == 1);
        void *own = malloc(64 * MIB);
        grow(MIB, 1000);
        AWAIT(threads().hakmem == 1);
        free(own);
        _exit(0);
    }
    wait_for(child);
}

// With HAKMEM_BACKGROUND=on: the child of a vfork has the parent's memory, but is no place for it.
static void no_thread_comes_in_a_vfork_child(void) {
    pid_t child = vfork();
    if (child == 0) {
        grow(64 * MIB, MIB);
        grow(64 * MIB, 1000);
        _exit(threads().all == 1 ? 0 : 99);
    }
    wait_for(child);
    CHECK(threads().all == 1);
    grow(64 * MIB, MIB);
    AWAIT(threads().hakmem == 1);
}

#define CASE(name) {#name, name}
CASES(CASE(alone_no_thread_comes), CASE(unshare_after_growth),
      CASE(alone_a_thread_comes_with_growth), CASE(no_thread_comes), CASE(a_thread_comes),
      CASE(a_thread_comes_beside_heapless_ones), CASE(a_thread_comes_with_threads), CASE(it_blocks_signals_and_rests), CASE(memory_returns),
      CASE(busy_lists_are_kept), CASE(busy_lists_are_emptied), CASE(purge_reaches_other_threads),
      CASE(memory_stays_until_a_trim), CASE(a_child_starts_its_own), CASE(only_one_comes),
      CASE(no_thread_comes_in_a_fork_handler), CASE(no_thread_comes_in_a_vfork_child))
