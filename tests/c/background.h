// What the tests of the background thread share: looking at threads and memory without the heap, which
// the looking must not stir.
#pragma once

#include "check.h"
#include <fcntl.h>
#include <hakmem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#define MIB ((size_t)1 << 20)

// Waits until `condition` holds: a minute and more, so that a busy machine is no failure.
#define AWAIT(condition)                                                                   \
    do {                                                                                   \
        for (int await_tries = 0; !(condition); await_tries++) {                           \
            CHECK(await_tries < 8000 && #condition);                                       \
            nap(10);                                                                       \
        }                                                                                  \
    } while (0)

static inline void nap(long millis) {
    struct timespec time = {millis / 1000, millis % 1000 * 1000000};
    nanosleep(&time, NULL);
}

// Reads a file of /proc; false if it is not there (a thread that ended).
static inline int slurp(const char *path, char *text, size_t room) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, room - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

struct threads {
    int all;
    int hakmem;
    int tid; // of the last one named hakmem
};

static inline struct threads threads(void) {
    struct threads found = {0, 0, 0};
    char entries[4096], path[80], name[32];
    int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(folder >= 0);
    for (long length; (length = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0;)
        for (long at = 0; at < length; at += *(unsigned short *)(entries + at + 16)) {
            const char *entry = entries + at + 19;
            if (entry[0] == '.') continue;
            snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry);
            if (!slurp(path, name, sizeof name)) continue;
            found.all++;
            if (strcmp(name, "hakmem\n") != 0) continue;
            found.hakmem++;
            found.tid = atoi(entry);
        }
    close(folder);
    return found;
}

// The text behind `label` in a thread's status.
static inline const char *status(int tid, const char *label, char *text, size_t room) {
    char path[80];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    CHECK(slurp(path, text, room));
    const char *found = strstr(text, label);
    CHECK(found != NULL);
    return found + strlen(label);
}

// How often a thread went to sleep, and the ticks of CPU that it used.
struct work {
    unsigned long sleeps, ticks;
};

static inline struct work work(int tid) {
    char text[4096], path[80];
    struct work work;
    work.sleeps = strtoul(status(tid, "\nvoluntary_ctxt_switches:", text, sizeof text), NULL, 10);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    CHECK(slurp(path, text, sizeof text));
    unsigned long user, kernel;
    CHECK(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                 &kernel) == 2);
    work.ticks = user + kernel;
    return work;
}

// Waits until a thread does nothing for three seconds.
static inline void await_rest(int tid) {
    struct work before, after = work(tid);
    for (int tries = 0; tries < 20; tries++) {
        before = after;
        nap(3000);
        after = work(tid);
        if (before.sleeps == after.sleeps && before.ticks == after.ticks) return;
    }
    CHECK(!"it comes to rest");
}

// Bytes of memory that are resident.
static inline size_t resident(void) {
    static char text[4096];
    CHECK(slurp("/proc/self/smaps_rollup", text, sizeof text));
    const char *line = strstr(text, "\nRss:");
    CHECK(line != NULL);
    return strtoul(line + 5, NULL, 10) * 1024;
}

// Bytes that the program and the threads' lists hold.
static inline size_t held(void) { return mallinfo2().uordblks; }

// Allocates and touches so much in pieces, and frees it.
static inline void grow(size_t bytes, size_t piece) {
    void **all = NULL;
    for (size_t i = 0; i < bytes / piece; i++) {
        void **block = malloc(piece);
        CHECK(block != NULL);
        memset(block, 1, piece);
        *block = all;
        all = block;
    }
    while (all) {
        void **next = *all;
        free(all);
        all = next;
    }
}

// Threads that wait between the steps of a test.
enum { THREADS = 4 };
static pthread_barrier_t barrier;
static pthread_t workers[THREADS];

static inline void step(void) { pthread_barrier_wait(&barrier); }

static inline void start_workers(void *(*life)(void *)) {
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&workers[i], NULL, life, (void *)i) == 0);
}

static inline void join_workers(void) {
    for (size_t i = 0; i < THREADS; i++) CHECK(pthread_join(workers[i], NULL) == 0);
}

// A worker that has used the heap, and waits until it may end.
static inline void *wait_life(void *unused) {
    (void)unused;
    free(malloc(100));
    step();
    step();
    return NULL;
}
