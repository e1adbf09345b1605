// Threads that come and go by the thousand: prints the resident memory in KiB, early and late.
#include "check.h"

#include <pthread.h>

enum { SIDE_BY_SIDE = 4, MAILBOX = 64 };
static void *mailbox[SIDE_BY_SIDE][MAILBOX];

// Leaves some blocks to the thread that has this place next, and frees what it finds.
static void *life(void *place) {
    void **box = place;
    void *own[100];
    for (int i = 0; i < 100; i++) {
        own[i] = malloc(SIZES[i % 40]);
        CHECK(own[i] != NULL);
        memset(own[i], 1, SIZES[i % 40]);
    }
    for (int i = 0; i < 100; i++) free(own[i]);
    for (int i = 0; i < MAILBOX; i++) {
        free(box[i]);
        box[i] = malloc(16 + i * 40);
        memset(box[i], 2, 16 + i * 40);
    }
    return NULL;
}

static long resident(void) {
    long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%ld %ld", &total, &resident) == 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run(int threads) {
    for (int i = 0; i < threads; i += SIDE_BY_SIDE) {
        pthread_t thread[SIDE_BY_SIDE];
        for (int k = 0; k < SIDE_BY_SIDE; k++)
            CHECK(pthread_create(&thread[k], NULL, life, mailbox[(k + i / 4) % 4]) == 0);
        for (int k = 0; k < SIDE_BY_SIDE; k++) CHECK(pthread_join(thread[k], NULL) == 0);
    }
}

int main(void) {
    run(2000);
    long early = resident();
    run(8000);
    dprintf(1, "%ld %ld\n", early, resident());
    return 0;
}
