// main leaves by pthread_exit while other threads go on: the process ends with the last of them, with
// status 0 and its exit handlers, though hakmem's thread was there.
#include "background.h"

static int main_tid;

static void leave_word(void) { dprintf(1, "exit handlers\n"); }

static int main_is_gone(void) {
    char text[4096];
    return *status(main_tid, "\nState:\t", text, sizeof text) == 'Z';
}

// Ends last, and has a cache.
static void *last_life(void *rests) {
    free(malloc(100));
    AWAIT(threads().hakmem == 1 && main_is_gone());
    if (rests) await_rest(threads().tid);
    free(malloc(100));
    return NULL;
}

// Ends last, and never used the heap: nobody tells of its end.
static void *silent_life(void *rests) {
    AWAIT(threads().hakmem == 1 && main_is_gone());
    if (rests) nap(3000);
    return NULL;
}

// last_thread [alone] [silent] [rests]
int main(int argc, char **argv) {
    int silent = 0, alone = 0;
    void *rests = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "alone") == 0) alone = 1;
        if (strcmp(argv[i], "silent") == 0) silent = 1;
        if (strcmp(argv[i], "rests") == 0) rests = &main_tid;
    }
    main_tid = getpid();
    CHECK(atexit(leave_word) == 0);
    if (alone) {
        grow(64 * MIB, 1000);
        AWAIT(threads().hakmem == 1);
        if (rests) await_rest(threads().tid);
        pthread_exit(NULL);
    }
    start_workers(wait_life);
    step();
    grow(64 * MIB, 1000);
    AWAIT(threads().hakmem == 1);
    pthread_t last;
    CHECK(pthread_create(&last, NULL, silent ? silent_life : last_life, rests) == 0);
    step();
    join_workers();
    pthread_exit(NULL);
}
