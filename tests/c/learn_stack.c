// Tells how many bytes of its stack a thread uses that allocates and makes steps. DIR has the records.
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
    int is_over;
    _Alignas(65536) unsigned char guard[GUARD];
    unsigned char stack[STACK];
} *shared;

static volatile int is_over;

static void *work(void *ends) {
    char here = 0;
    shared->base = (uintptr_t)&here;
    while (!is_over) churn();
    shared->is_over = 1;
    if (ends) exit(0);
    return NULL;
}

// The others of the process allocate nothing, so that the steps are the thread's.
static void measured(int has_log, int log_ends) {
    long end = now_ms() + 100000;
    // What the container allows is looked at here.
    churn();
    pthread_t thread;
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstack(&small, shared->stack, STACK) == 0);
    CHECK(pthread_create(&thread, &small, work, (void *)1) == 0);
    if (!has_log) usleep(700000);
    while (has_log && lines() < 5) {
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
    uintptr_t lowest = (uintptr_t)shared->stack;
    while (*(unsigned char *)lowest == PAINT) lowest++;
    dprintf(1, "%zu\n", (size_t)(shared->base - lowest));
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
    char record[4096];
    if (folder) snprintf(record, sizeof record, "%s/%d.log", folder, getpid());
    CHECK(!folder || setenv("RECORD", record, 1) == 0);
    measured(folder != NULL, log_ends);
}

static void steps(void) { start(0, 0); }
static void steps_of_a_child(void) { start(0, 1); }
static void log_ends(void) { start(1, 0); }

CASES({"steps", steps}, {"steps_of_a_child", steps_of_a_child}, {"log_ends", log_ends})
