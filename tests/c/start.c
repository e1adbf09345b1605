// The heap before main, after main, and around dlopen.
#include "check.h"

#include <pthread.h>

static void *from_preinit, *from_constructor;
static int thread_in_constructor_ran;

static void use_every_size(void) {
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = malloc(SIZES[i]);
        CHECK(block != NULL);
        fill(block, SIZES[i], 6);
        block = realloc(block, SIZES[i] + 100);
        CHECK(block && is_filled(block, SIZES[i], 6));
        free(block);
    }
}

// Runs before the constructor of any library.
static void preinit(void) {
    use_every_size();
    from_preinit = malloc(77);
    fill(from_preinit, 77, 1);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

static void *thread_in_constructor(void *argument) {
    use_every_size();
    thread_in_constructor_ran = 1;
    return malloc(500);
}

__attribute__((constructor(101))) static void constructor(void) {
    use_every_size();
    from_constructor = malloc(200000);
    fill(from_constructor, 200000, 2);
    pthread_t thread;
    void *block;
    CHECK(pthread_create(&thread, NULL, thread_in_constructor, NULL) == 0);
    CHECK(pthread_join(thread, &block) == 0);
    CHECK(block && thread_in_constructor_ran);
    free(block);
}

static void *late_block;

static void at_exit(void) {
    CHECK(is_filled(late_block, 3000, 3));
    free(late_block);
    use_every_size();
    dprintf(1, "atexit\n");
}

__attribute__((destructor(101))) static void destructor(void) {
    use_every_size();
    dprintf(1, "destructor\n");
}

int main(int argc, char **argv) {
    CHECK(is_filled(from_preinit, 77, 1));
    CHECK(is_filled(from_constructor, 200000, 2));
    free(from_preinit);
    free(from_constructor);

    for (int i = 0; i < 20; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) dprintf(2, "%s\n", dlerror());
        CHECK(library != NULL);
        void (*plugin_free)(void *) = dlsym(library, "plugin_free");
        void *(*plugin_malloc)(size_t) = dlsym(library, "plugin_malloc");
        CHECK(plugin_free && plugin_malloc);
        plugin_free(malloc(100 * i));
        free(plugin_malloc(100 * i));
        CHECK(dlclose(library) == 0);
    }
    CHECK(dlopen("/no/such/library", RTLD_NOW) == NULL && dlerror() != NULL);

    late_block = malloc(3000);
    fill(late_block, 3000, 3);
    CHECK(atexit(at_exit) == 0);
    dprintf(1, "main\n");
    return 0;
}
