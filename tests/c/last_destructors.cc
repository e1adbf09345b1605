// Threads whose last destructors still use the heap, in every order: thread_local objects, and
// pthread keys made before and after the heap's first use, set again from their own destructor.
#include "check.h"

#include <atomic>
#include <limits.h>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

static std::atomic<int> key_calls{0}, object_calls{0};
static std::mutex handed_over_lock;
static std::vector<void *> handed_over;

static void use_heap(unsigned char seed) {
    void *blocks[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        blocks[i] = malloc(SIZES[i]);
        CHECK(blocks[i] != NULL);
        fill(blocks[i], SIZES[i] < 5000 ? SIZES[i] : 5000, seed);
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        CHECK(is_filled(blocks[i], SIZES[i] < 5000 ? SIZES[i] : 5000, seed));
        free(blocks[i]);
    }
}

struct Object {
    std::string text = std::string(300, 'x');
    std::vector<int> numbers = std::vector<int>(1000, 7);
    ~Object() {
        CHECK(text == std::string(300, 'x'));
        numbers.resize(50000, 7);
        use_heap(1);
        object_calls++;
    }
};
static thread_local Object object;

struct Round {
    pthread_key_t key;
    int left;
    void *block;
};

static pthread_key_t early_key, late_key;

// Comes back until the C library gives up, so the last rounds run after everything else.
static void end_of_key(void *value) {
    Round *round = static_cast<Round *>(value);
    CHECK(is_filled(round->block, 700, 5));
    free(round->block);
    use_heap(2);
    key_calls++;
    if (round->left == 0) {
        // Freed by another thread later on.
        std::lock_guard<std::mutex> guard(handed_over_lock);
        handed_over.push_back(round);
        return;
    }
    Round *next = new Round{round->key, round->left - 1, malloc(700)};
    fill(next->block, 700, 5);
    delete round;
    CHECK(pthread_setspecific(next->key, next) == 0);
}

static void *thread_body(void *first) {
    bool key_first = first != nullptr;
    for (int turn = 0; turn < 2; turn++) {
        if ((turn == 0) == key_first) {
            for (pthread_key_t key : {early_key, late_key}) {
                Round *round = new Round{key, PTHREAD_DESTRUCTOR_ITERATIONS - 1, malloc(700)};
                fill(round->block, 700, 5);
                CHECK(pthread_setspecific(key, round) == 0);
            }
        } else {
            CHECK(object.numbers[3] == 7);
        }
    }
    use_heap(3);
    return nullptr;
}

// Made before any constructor, so its number is lower than that of a key which the heap makes.
static void make_early_key() { CHECK(pthread_key_create(&early_key, end_of_key) == 0); }
__attribute__((section(".preinit_array"), used)) static void (*entry)() = make_early_key;

int main() {
    free(malloc(100));
    CHECK(pthread_key_create(&late_key, end_of_key) == 0);
    const int rounds = 50, side_by_side = 4;
    for (int i = 0; i < rounds; i++) {
        pthread_t threads[side_by_side];
        for (int k = 0; k < side_by_side; k++)
            CHECK(pthread_create(&threads[k], nullptr, thread_body, k % 2 ? &threads : nullptr) == 0);
        for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
    }
    CHECK(object_calls == rounds * side_by_side);
    CHECK(key_calls == rounds * side_by_side * 2 * PTHREAD_DESTRUCTOR_ITERATIONS);
    for (void *round : handed_over) delete static_cast<Round *>(round);
    dprintf(1, "done\n");
    return 0;
}
