// Tells how many bytes of its stack a thread uses that allocates and makes steps, and how many the
// process's end takes there. DIR has the records.
//
//   observer ---- waits for the end of ----> the process that is measured
//      \---- reads what both share: the stack, painted before, and where the thread began
#include "learn.h"

#include <pthread.h>
#include <sys/mman.h>

#define STACK ((size_t)64 << 10)
#define GUARD ((size_t)64 << 10)
#define PAINT 0xa5

static struct shared {
    uintptr_t base;
    size_t deepest;
    int is_over;
    _Alignas(65536) unsigned char guard[GUARD];
    unsigned char stack[STACK];
} *shared;

static volatile int is_over;

// Paints what lies below the caller's frame, and something of this one.
static __attribute__((noinline)) void paint(void) {
    volatile unsigned char here = 0;
    volatile unsigned char *stack = shared->stack;
    for (size_t i = 0; stack + i < &here - 256; i++) stack[i] = PAINT;
}

static size_t used(void) {
    uintptr_t lowest = (uintptr_t)shared->stack;
    while (*(volatile unsigned char *)lowest == PAINT) lowest++;
    return shared->base - lowest;
}

// What shows that a step was made: the size of the record. -1: there is none yet; -2: it has come to its end.
static long record(void) {
    static int fd;
    struct stat found;
    if (stat(getenv("RECORD"), &found) != 0) return -1;
    for (int i = 3; fd == 0 && i < 1024; i++) {
        struct stat other;
        if (fstat(i, &other) == 0 && other.st_ino == found.st_ino) fd = i;
    }
    return fd != 0 && fstat(fd, &found) != 0 ? -2 : (long)found.st_size;
}

// A step is due once memory comes free, and is made when a list runs empty: where the heap is full of free
// blocks, not much of the stack is the heap's own.
static void measure_a_step(void) {
    int taken = 0;
    while (taken < BLOCKS) CHECK(blocks[taken++] = malloc(16 + taken % 1000));
    usleep(150000);
    while (taken > 0) free(blocks[--taken]);
    paint();
    long before = record();
    while (taken < BLOCKS && record() == before) CHECK(blocks[taken++] = malloc(48));
    size_t depth = used();
    if (taken < BLOCKS && depth > shared->deepest) shared->deepest = depth;
    while (taken > 0) free(blocks[--taken]);
}

static void *work(void *unused) {
    char here = 0;
    shared->base = (uintptr_t)&here;
    while (!is_over) measure_a_step();
    shared->is_over = 1;
    paint();
    exit(0);
    return unused;
}

// The others of the process allocate nothing, so that the steps are the thread's.
static void measured(int log_ends) {
    long end = now_ms() + 100000;
    // What the container allows is looked at here.
    churn();
    pthread_t thread;
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstack(&small, shared->stack, STACK) == 0);
    CHECK(pthread_create(&thread, &small, work, NULL) == 0);
    while (lines() < 5) {
        CHECK(now_ms() < end);
        usleep(20000);
    }
    if (log_ends) {
        let_the_log_end();
        while (is_log_open()) {
            CHECK(now_ms() < end);
            usleep(20000);
        }
    }
    is_over = 1;
    pthread_join(thread, NULL);
}

static void observe(int ended) {
    char byte;
    CHECK(read(ended, &byte, 1) == 0 && shared->is_over);
    dprintf(1, "%zu %zu\n", shared->deepest, used());
}

static void start(int log_ends, int is_child) {
    int ended[2];
    CHECK(pipe(ended) == 0);
    shared = mmap(NULL, sizeof *shared + GUARD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    shared = (struct shared *)(((uintptr_t)shared + GUARD - 1) & -GUARD);
    memset(shared->stack, PAINT, STACK);
    CHECK(mprotect(shared->guard, GUARD, PROT_NONE) == 0);
    pid_t observer = fork();
    if (observer == 0) {
        close(ended[1]);
        observe(ended[0]);
        _exit(0);
    }
    pid_t child = is_child ? fork() : 0;
    if (child != 0) {
        close(ended[1]);
        ends_well(child);
        ends_well(observer);
        _exit(0);
    }
    const char *folder = getenv("DIR");
    static char record[4096];
    CHECK(folder);
    snprintf(record, sizeof record, "%s/%d.log", folder, getpid());
    CHECK(setenv("RECORD", record, 1) == 0);
    measured(log_ends);
}

static void steps(void) { start(0, 0); }
static void steps_of_a_child(void) { start(0, 1); }
static void log_ends(void) { start(1, 0); }

CASES({"steps", steps}, {"steps_of_a_child", steps_of_a_child}, {"log_ends", log_ends})
