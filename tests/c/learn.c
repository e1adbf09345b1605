// Programs that give the learner something to see, and nothing. RECORD names the log's file.
#include "learn.h"

#include <poll.h>
#include <pthread.h>

static void some_steps(void) {
    churn_to(5);
    puts("done");
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

// Takes memory fast, and uses none of it, until the record says so.
static void grows(void) {
    const char *words = getenv("WORDS");
    CHECK(words);
    long end = now_ms() + 100000;
    while (!is_recorded(words)) {
        CHECK(now_ms() < end);
        for (size_t taken = 0; taken < 8 * MIB; taken += 16 << 10) CHECK(malloc(16 << 10));
        usleep(2000);
    }
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

// So much is mapped in no process but a child.
#define MARK ((size_t)1 << 30)

// Whether a line of the record was written by a child.
static int is_recorded_by_a_child(void) {
    FILE *file = fopen(getenv("RECORD"), "r");
    static char line[1 << 16];
    int found = 0, headers = 0;
    CHECK(file);
    while (fgets(line, sizeof line, file)) {
        const char *mapped = strstr(line, "\"mapped\":");
        found |= mapped && strtoull(mapped + 9, NULL, 10) >= MARK;
        headers += strstr(line, "\"hakmem\":\"learn\"") != NULL;
    }
    fclose(file);
    return found || headers != 1;
}

// The child lives and ends as a program does.
static void a_fork(void) {
    churn_to(4);
    pid_t child = fork();
    if (child == 0) {
        CHECK(malloc(MARK));
        churn_for(700);
        exit(0);
    }
    ends_well(child);
    churn_to(lines() + 2);
    CHECK(!is_recorded_by_a_child());
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
    ends_well(child);
    dprintf(1, "done\n");
    _exit(0);
}

// The heap is the parent's, who stands still meanwhile: with no thread of hakmem's, nobody makes steps.
static void a_vfork(void) {
    churn_to(4);
    int before = lines();
    pid_t child = vfork();
    if (child == 0) {
        churn_for(300);
        _exit(0);
    }
    int meanwhile = lines();
    ends_well(child);
    CHECK(meanwhile == before);
    churn_to(before + 2);
    puts("done");
}

CASES({"until_rest", until_rest}, {"computes", computes}, {"some_steps", some_steps},
      {"some_time", some_time}, {"small", small}, {"until_told", until_told},
      {"steps_then_idle", steps_then_idle}, {"a_fork", a_fork},
      {"an_end_in_a_child", an_end_in_a_child}, {"a_vfork", a_vfork}, {"grows", grows})
