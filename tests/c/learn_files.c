// Programs that take from the learner what it writes with: its files, its descriptors, its threads.
#include "learn.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

// A file that has no name.
static int own_file(void) {
    char path[] = "/tmp/hakmem-learn-XXXXXX";
    int own = mkstemp(path);
    CHECK(own >= 0 && unlink(path) == 0);
    return own;
}

// As daemons do; what comes by the same numbers is not the record.
static void descriptors_closed(void) {
    churn_to(4);
    int before = lines();
    int own = own_file();
    CHECK(dup2(own, 1000) == 1000 || dup2(own, 250) == 250);
    for (int fd = 3; fd < 1024; fd++)
        if (fd != own) dup2(own, fd);
    churn_for(700);
    CHECK(lseek(own, 0, SEEK_END) == 0);
    CHECK(lines() == before);
    puts("done");
}

static void log_ends(void) {
    churn_to(4);
    churn_to_the_log_s_end();
    puts("done");
}

// The same after another file has come in place of standard error.
static void log_ends_without_stderr(void) {
    churn_to(4);
    int own = own_file();
    CHECK(dup2(own, 2) == 2);
    churn_to_the_log_s_end();
    if (lseek(own, 0, SEEK_END) != 0) _exit(97);
    puts("done");
}

static int is_over;

static void *cancelled(void *unused) {
    CHECK(pthread_cancel(pthread_self()) == 0);
    // Nothing in here may end the thread.
    churn_to_the_log_s_end();
    is_over = 1;
    pthread_testcancel();
    return unused;
}

static void log_ends_in_a_cancelled_thread(void) {
    churn_to(4);
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, cancelled, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && is_over);
    puts("done");
}

// On a disk that keeps nothing.
static void no_sync(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fdatasync, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    churn_to(4);
    puts("done");
}

// Goes elsewhere; its child begins a record there, and itself ends there.
static void goes_elsewhere(void) {
    churn_to(4);
    CHECK(chdir(getenv("ELSEWHERE")) == 0);
    pid_t child = fork();
    if (child == 0) {
        char record[4096];
        snprintf(record, sizeof record, "%s/%d.log", getenv("DIR"), getpid());
        CHECK(setenv("RECORD", record, 1) == 0);
        churn_to(3);
        exit(0);
    }
    ends_well(child);
    puts("done");
}

CASES({"descriptors_closed", descriptors_closed}, {"log_ends", log_ends},
      {"log_ends_without_stderr", log_ends_without_stderr},
      {"log_ends_in_a_cancelled_thread", log_ends_in_a_cancelled_thread}, {"no_sync", no_sync},
      {"goes_elsewhere", goes_elsewhere})
