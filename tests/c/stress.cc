// Threads that pass blocks of every size and kind to each other. Each block is full of a pattern
// that is checked before it is freed; the checksum printed at the end depends on nothing but the
// arguments.
//
//   stress THREADS ROUNDS SEED
#include "check.h"

#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

using u64 = uint64_t;

static u64 mix(u64 x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

struct Random {
    u64 state;
    u64 next() { return mix(state += 0x9e3779b97f4a7c15); }
    size_t below(size_t bound) { return next() % bound; }
};

// How a block was made, which says how it must be freed.
enum Kind { MALLOC, CALLOC, REALLOC, ALIGNED_ALLOC, NEW, NEW_ARRAY, NEW_ALIGNED, KINDS };

struct Block {
    unsigned char *bytes;
    size_t size;
    size_t align;
    u64 seed;
    Kind kind;
};

static void fill_block(const Block &block) {
    Random random{block.seed};
    size_t i = 0;
    for (; i + 8 <= block.size; i += 8) {
        u64 word = random.next();
        memcpy(block.bytes + i, &word, 8);
    }
    for (; i < block.size; i++) block.bytes[i] = (unsigned char)random.next();
}

// Checks the first `size` bytes and gives a sum over them.
static u64 check_block(const Block &block, size_t size) {
    Random random{block.seed};
    u64 sum = mix(block.seed) ^ block.size;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        u64 word;
        memcpy(&word, block.bytes + i, 8);
        CHECK(word == random.next());
        sum = sum * 31 + word;
    }
    if (size == block.size)
        for (; i < size; i++) CHECK(block.bytes[i] == (unsigned char)random.next());
    return sum;
}

// Mostly small, some spans, a few large.
static size_t random_size(Random &random) {
    size_t dice = random.below(1000);
    if (dice < 700) return 1 + random.below(512);
    if (dice < 900) return 1 + random.below(8 << 10);
    if (dice < 985) return 1 + random.below(64 << 10);
    if (dice < 998) return 1 + random.below(1 << 20);
    return 1 + random.below(6 << 20);
}

static Block make(Random &random) {
    Block block{nullptr, random_size(random), 16, random.next(), (Kind)random.below(KINDS)};
    std::align_val_t at{(size_t)1 << (3 + random.below(10))};
    switch (block.kind) {
    case MALLOC:
        block.bytes = (unsigned char *)malloc(block.size);
        break;
    case CALLOC:
        block.bytes = (unsigned char *)calloc(1, block.size);
        CHECK(block.bytes && is_zero(block.bytes, block.size));
        break;
    case REALLOC:
        block.bytes = (unsigned char *)realloc(nullptr, block.size);
        break;
    case ALIGNED_ALLOC:
        block.align = (size_t)at;
        block.bytes = (unsigned char *)aligned_alloc(block.align, block.size);
        break;
    case NEW:
        block.bytes = (unsigned char *)operator new(block.size);
        break;
    case NEW_ARRAY:
        block.bytes = new unsigned char[block.size];
        break;
    default:
        block.align = (size_t)at;
        block.bytes = (unsigned char *)operator new(block.size, at);
    }
    CHECK(block.bytes != nullptr);
    CHECK(is_aligned(block.bytes, block.size < block.align ? 8 : block.align));
    CHECK(block.kind != ALIGNED_ALLOC && block.kind != NEW_ALIGNED
          || is_aligned(block.bytes, block.align));
    fill_block(block);
    return block;
}

static u64 drop(const Block &block, Random &random) {
    u64 sum = check_block(block, block.size);
    memset(block.bytes, 0xDD, block.size < 256 ? block.size : 256);
    bool sized = random.below(2);
    switch (block.kind) {
    case NEW:
        sized ? operator delete(block.bytes, block.size) : operator delete(block.bytes);
        break;
    case NEW_ARRAY:
        sized ? operator delete[](block.bytes, block.size) : operator delete[](block.bytes);
        break;
    case NEW_ALIGNED: {
        std::align_val_t at{block.align};
        sized ? operator delete(block.bytes, block.size, at) : operator delete(block.bytes, at);
        break;
    }
    default:
        free(block.bytes);
    }
    return sum;
}

static void resize(Block &block, Random &random) {
    size_t size = random_size(random), kept = size < block.size ? size : block.size;
    check_block(block, block.size);
    block.bytes = (unsigned char *)realloc(block.bytes, size);
    CHECK(block.bytes != nullptr);
    check_block(block, kept);
    block.size = size;
    block.align = 16;
    fill_block(block);
}

class Mailbox {
    std::mutex lock_;
    std::deque<Block> blocks_;

  public:
    void put(const Block &block) {
        std::lock_guard<std::mutex> guard(lock_);
        blocks_.push_back(block);
    }
    bool take(Block &block) {
        std::lock_guard<std::mutex> guard(lock_);
        if (blocks_.empty()) return false;
        block = blocks_.front();
        blocks_.pop_front();
        return true;
    }
};

struct Worker {
    u64 made = 0, dropped = 0;
    size_t count_dropped = 0;

    // What a thread makes depends on its own numbers alone; what it frees depends on the others.
    void run(std::vector<std::unique_ptr<Mailbox>> &mailboxes, size_t self, size_t rounds, u64 seed) {
        Random plan{mix(seed + self * 1000003)}, other{mix(seed ^ (self + 77))};
        std::vector<Block> kept;
        auto take_in = [&] {
            Block block;
            if (!mailboxes[self]->take(block)) return false;
            dropped += drop(block, other);
            count_dropped++;
            return true;
        };
        for (size_t i = 0; i < rounds; i++) {
            Block block = make(plan);
            bool by_malloc = block.kind <= ALIGNED_ALLOC;
            if (by_malloc && plan.below(4) == 0) resize(block, plan);
            made += check_block(block, block.size);
            kept.push_back(block);
            while (kept.size() > 200 || (i + 1 == rounds && !kept.empty())) {
                size_t pick = plan.below(kept.size());
                mailboxes[plan.below(mailboxes.size())]->put(kept[pick]);
                kept[pick] = kept.back();
                kept.pop_back();
            }
            while (other.below(3) && take_in()) {
            }
        }
        while (take_in()) {
        }
    }
};

int main(int argc, char **argv) {
    CHECK(argc == 4);
    size_t threads = strtoul(argv[1], nullptr, 10), rounds = strtoul(argv[2], nullptr, 10);
    u64 seed = strtoul(argv[3], nullptr, 10);
    u64 made = 0, dropped = 0;
    size_t count = 0;
    // Two generations, so that blocks outlive the threads that made them.
    std::vector<std::unique_ptr<Mailbox>> mailboxes;
    for (size_t i = 0; i < threads; i++) mailboxes.push_back(std::make_unique<Mailbox>());
    for (int generation = 0; generation < 2; generation++) {
        std::vector<std::thread> running;
        std::vector<Worker> workers(threads);
        for (size_t i = 0; i < threads; i++)
            running.emplace_back([&, i] {
                workers[i].run(mailboxes, i, rounds / 2, seed + generation);
            });
        for (auto &thread : running) thread.join();
        for (const Worker &worker : workers) {
            made += worker.made;
            dropped += worker.dropped;
            count += worker.count_dropped;
        }
    }
    Random random{seed};
    Block block;
    for (auto &mailbox : mailboxes)
        while (mailbox->take(block)) {
            dropped += drop(block, random);
            count++;
        }
    CHECK(made == dropped);
    CHECK(count == rounds / 2 * 2 * threads);
    printf("%zu blocks, checksum %016llx\n", count, (unsigned long long)dropped);
    return 0;
}
