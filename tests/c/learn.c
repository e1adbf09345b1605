// Programs that give the learner something to see, and nothing. RECORD names the log's file.
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#define MIB ((size_t)1 << 20)
#define BLOCKS 40000

static void *blocks[BLOCKS];

// Some milliseconds of allocating and freeing, with growth, and blocks that go home in bulk.
static void churn(void) {
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(16 + i % 1000);
        CHECK(blocks[i]);
        memset(blocks[i], i, 16);
    }
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static void churn_for(long millis) {
    for (long end = now_ms() + millis; now_ms() < end;) churn();
}

// Lines of the record.
static int lines(void) {
    static char text[1 << 20];
    const char *path = getenv("RECORD");
    CHECK(path);
    int file = open(path, O_RDONLY), count = 0;
    if (file < 0) return 0;
    for (ssize_t got; (got = read(file, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < got; i++) count += text[i] == '\n';
    close(file);
    return count;
}

static void churn_to(int count) {
    long end = now_ms() + 100000;
    while (lines() < count) {
        CHECK(now_ms() < end);
        churn_for(20);
    }
}

static void some_steps(void) {
    churn_to(5);
    puts("done");
}

// Whether a line of the record has these words.
static int is_recorded(const char *words) {
    FILE *file = fopen(getenv("RECORD"), "r");
    static char line[1 << 16];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) found = strstr(line, words) != NULL;
    if (file) fclose(file);
    return found;
}

// Busy with nothing that is worth a change, with hakmem's thread, until the learner rests.
static void until_rest(void) {
    void *kept = malloc(16 * MIB);
    long end = now_ms() + 250000;
    while (!is_recorded("\"phase\":\"frozen\"")) {
        CHECK(now_ms() < end);
        for (long then = now_ms() + 50; now_ms() < then;) {
        }
    }
    free(kept);
    puts("done");
}

// The same without the heap: its rounds of decay come to rest before the learner does.
static void computes(void) {
    void *kept = malloc(16 * MIB);
    long end = now_ms() + 250000;
    static char text[1 << 20];
    for (int found = 0; !found;) {
        CHECK(now_ms() < end);
        for (long then = now_ms() + 50; now_ms() < then;) {
        }
        int file = open(getenv("RECORD"), O_RDONLY);
        ssize_t got = read(file, text, sizeof text - 1);
        close(file);
        text[got > 0 ? got : 0] = 0;
        found = strstr(text, "\"phase\":\"frozen\"") != NULL;
    }
    free(kept);
    puts("done");
}

static void some_time(void) {
    churn_for(700);
    puts("done");
}

static void small(void) {
    for (int i = 0; i < 100; i++) blocks[i] = malloc(100);
    for (int i = 0; i < 100; i++) free(blocks[i]);
    puts("done");
}

// Until whoever started it closes its input.
static void until_told(void) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    long end = now_ms() + 60000;
    while (poll(&input, 1, 0) == 0 && now_ms() < end) churn_for(20);
    puts("done");
}

static void *wait_forever(void *unused) {
    (void)unused;
    for (;;) pause();
}

// With a second thread, so that hakmem's own comes.
static void steps_then_idle(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_forever, NULL) == 0);
    void *kept = malloc(16 * MIB);
    churn_to(5);
    sleep(1);
    int before = lines();
    sleep(2);
    CHECK(lines() == before);
    // And it is there again.
    churn_to(before + 3);
    free(kept);
    puts("done");
}

// The child lives and ends as a program does; the parent does nothing meanwhile.
static void a_fork(void) {
    churn_to(4);
    // A step of what was before may still be due.
    sleep(1);
    int before = lines();
    pid_t child = fork();
    if (child == 0) {
        churn_for(700);
        exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(lines() == before);
    churn_to(before + 2);
    puts("done");
}

// The parent ends without a word.
static void an_end_in_a_child(void) {
    churn_to(4);
    pid_t child = fork();
    if (child == 0) {
        churn_for(700);
        exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    dprintf(1, "done\n");
    _exit(0);
}

static void a_vfork(void) {
    churn_to(4);
    int before = lines();
    pid_t child = vfork();
    if (child == 0) {
        churn_for(300);
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(lines() == before);
    churn_to(before + 2);
    puts("done");
}

// As daemons do; what comes by the same numbers is not the record.
static void descriptors_closed(void) {
    churn_to(4);
    int before = lines();
    char path[] = "/tmp/hakmem-learn-XXXXXX";
    int own = mkstemp(path);
    CHECK(own >= 0 && unlink(path) == 0);
    CHECK(dup2(own, 1000) == 1000 || dup2(own, 250) == 250);
    for (int fd = 3; fd < 1024; fd++)
        if (fd != own) dup2(own, fd);
    churn_for(700);
    CHECK(lseek(own, 0, SEEK_END) == 0);
    CHECK(lines() == before);
    puts("done");
}

CASES({"until_rest", until_rest}, {"computes", computes}, {"some_steps", some_steps}, {"some_time", some_time}, {"small", small},
      {"until_told", until_told}, {"steps_then_idle", steps_then_idle}, {"a_fork", a_fork},
      {"an_end_in_a_child", an_end_in_a_child}, {"a_vfork", a_vfork},
      {"descriptors_closed", descriptors_closed})
