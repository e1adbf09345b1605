// What programs share that give the learner something to see. RECORD names the log's file.
#pragma once

#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
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

static inline long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static inline void churn_for(long millis) {
    for (long end = now_ms() + millis; now_ms() < end;) churn();
}

// Lines of the record.
static inline int lines(void) {
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

static inline void churn_to(int count) {
    long end = now_ms() + 100000;
    while (lines() < count) {
        CHECK(now_ms() < end);
        churn_for(20);
    }
}

// Whether a line of the record has these words.
static inline int is_recorded(const char *words) {
    FILE *file = fopen(getenv("RECORD"), "r");
    static char line[1 << 16];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) found = strstr(line, words) != NULL;
    if (file) fclose(file);
    return found;
}

// Whether the learner still has its file.
static inline int is_log_open(void) {
    struct stat record, other;
    CHECK(stat(getenv("RECORD"), &record) == 0);
    for (int fd = 3; fd < 1024; fd++)
        if (fstat(fd, &other) == 0 && other.st_dev == record.st_dev && other.st_ino == record.st_ino)
            return 1;
    return 0;
}

// From here on no file grows.
static inline void let_the_log_end(void) {
    struct stat record;
    CHECK(stat(getenv("RECORD"), &record) == 0);
    struct rlimit limit = {record.st_size, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static inline void churn_to_the_log_s_end(void) {
    let_the_log_end();
    long end = now_ms() + 100000;
    while (is_log_open()) {
        CHECK(now_ms() < end);
        churn();
    }
}

// Waits for a child, which must come to a good end.
static inline void ends_well(pid_t child) {
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}
