// fork, vfork and posix_spawn in a process whose threads are busy with the heap.
#include "check.h"

#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;

enum { THREADS = 4, SLOTS = 64 };

static atomic_int stop;
// Blocks that any thread may take and free, so that they cross threads all the time.
static _Atomic(void *) shared[SLOTS];

static void churn(unsigned *random, int rounds) {
    for (int i = 0; i < rounds; i++) {
        *random = *random * 1103515245 + 12345;
        size_t size = SIZES[(*random >> 8) % SIZE_COUNT];
        char *block = malloc(size);
        CHECK(block != NULL);
        block[0] = 1;
        block[size - 1] = 1;
        free(atomic_exchange(&shared[(*random >> 16) % SLOTS], block));
    }
}

static void *busy(void *seed) {
    unsigned random = (unsigned)(uintptr_t)seed;
    while (!atomic_load(&stop)) churn(&random, 100);
    return NULL;
}

// A thread whose threads come and go: each lives for some rounds.
static void *brief(void *seed) {
    unsigned random = (unsigned)(uintptr_t)seed;
    churn(&random, 1000);
    return NULL;
}

static void *lane(void *seed) {
    while (!atomic_load(&stop)) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, brief, seed) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return NULL;
}

static void *use_every_size(void *unused) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = malloc(SIZES[i]);
        CHECK(block != NULL);
        fill(block, SIZES[i], 1);
        CHECK(is_filled(block, SIZES[i], 1));
        free(block);
    }
    return NULL;
}

static void wait_for(pid_t child) {
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0) dprintf(2, "child ended with %x\n", status);
    CHECK(status == 0);
}

static void child_life(int depth, void **inherited) {
    alarm(60);
    unsigned random = 99;
    use_every_size(NULL);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        CHECK(is_filled(inherited[i], SIZES[i], (unsigned char)i));
        free(inherited[i]);
    }
    // Frees what other threads of the parent held here.
    churn(&random, 500);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use_every_size, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    if (depth > 0) {
        void *own[SIZE_COUNT];
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            own[i] = malloc(SIZES[i]);
            fill(own[i], SIZES[i], (unsigned char)i);
        }
        pid_t grandchild = fork();
        if (grandchild == 0) {
            child_life(depth - 1, own);
            _exit(0);
        }
        wait_for(grandchild);
    }
}

static void forks(void) {
    void *mine[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        mine[i] = malloc(SIZES[i]);
        fill(mine[i], SIZES[i], (unsigned char)i);
    }
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            child_life(i % 3 == 0 ? 2 : 0, mine);
            // Half of them leave by exit, with all its handlers.
            if (i % 2) exit(0);
            _exit(0);
        }
        use_every_size(NULL);
        wait_for(child);
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        CHECK(is_filled(mine[i], SIZES[i], (unsigned char)i));
        free(mine[i]);
    }
}

static void spawns(void) {
    for (int i = 0; i < 40; i++) {
        char *arguments[] = {"true", NULL};
        pid_t child;
        CHECK(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0);
        wait_for(child);
        child = vfork();
        if (child == 0) {
            // Allowed with glibc, and programs do it: the heap is the parent's.
            void *block = malloc(100);
            free(block);
            execlp("true", "true", (char *)NULL);
            _exit(1);
        }
        wait_for(child);
        CHECK(system("true") == 0);
    }
}

// fork [ends]: whether the busy threads end now and then.
int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    void *(*life)(void *) = argc > 2 ? lane : busy;
    alarm(100);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, life, (void *)(i + 1)) == 0);
    strcmp(argv[1], "fork") == 0 ? forks() : spawns();
    atomic_store(&stop, 1);
    for (size_t i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (size_t i = 0; i < SLOTS; i++) free(atomic_exchange(&shared[i], NULL));
    size_t (*mapped)(void) = (size_t (*)(void))dlsym(RTLD_DEFAULT, "hakmem_mapped");
    malloc_trim(0);
    // hakmem's thread may have had some on its way back at that moment.
    for (int i = 0; mapped && mapped() >= 8 << 20 && i < 40; i++) {
        usleep(50000);
        malloc_trim(0);
    }
    if (mapped) dprintf(1, "%zu\n", mapped());
    dprintf(1, "done\n");
    return 0;
}
