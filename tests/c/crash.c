// Dies by a fatal signal. The address in question is printed first.
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static void say_and_leave(int signal) {
    static const char text[] = "own handler\n";
    write(1, text, sizeof text - 1);
    _exit(3);
}

// Installs a handler before the constructor of any library can.
static void preinit(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[2], "handler") == 0) {
        signal(SIGSEGV, say_and_leave);
        signal(SIGBUS, say_and_leave);
        signal(SIGABRT, say_and_leave);
    }
}
__attribute__((section(".preinit_array"), used)) static void (*entry)(int, char **) = preinit;

static void touch(volatile char *address) {
    dprintf(1, "%p\n", (void *)address);
    *address = 1;
}

// A block of its own pages; they are made unreadable, so that touching it is fatal.
static char *guarded(size_t size, int release) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *block = aligned_alloc(page, size);
    CHECK(block != NULL);
    if (release) free(block);
    CHECK(mprotect(block, page, PROT_NONE) == 0);
    return block;
}

static void bus(void) {
    char name[] = "/tmp/hakmem-crash-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, 4096) == 0);
    char *mapping = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(mapping != MAP_FAILED);
    touch(mapping + 4096);
}

int main(int argc, char **argv) {
    const char *how = argv[1];
    free(malloc(100));
    if (strcmp(how, "null") == 0) touch((char *)0x10);
    if (strcmp(how, "small_live") == 0) touch(guarded(16384, 0) + 40);
    if (strcmp(how, "small_free") == 0) touch(guarded(16384, 1) + 40);
    if (strcmp(how, "span") == 0) touch(guarded(200000, 0) + 40);
    if (strcmp(how, "large") == 0) touch(guarded(9000000, 0) + 40);
    if (strcmp(how, "bus") == 0) bus();
    if (strcmp(how, "abort") == 0) abort();
    dprintf(1, "survived\n");
    return 0;
}
