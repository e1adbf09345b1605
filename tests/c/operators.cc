// Every replaceable operator new and delete, and what happens when memory is out.
#include "check.h"

#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

struct alignas(256) Wide {
    char bytes[512];
};
struct alignas(4096) Page {
    char bytes[4096];
};

static volatile size_t huge = (size_t)PTRDIFF_MAX - 4096;

static void plain_and_array() {
    for (size_t size : SIZES) {
        void *one = operator new(size), *many = operator new[](size);
        fill(one, size, 1);
        fill(many, size, 2);
        CHECK(is_filled(one, size, 1));
        CHECK(is_filled(many, size, 2));
        operator delete(one);
        operator delete[](many);
    }
    void *a = operator new(0), *b = operator new(0);
    CHECK(a && b && a != b);
    operator delete(a);
    operator delete(b);
    operator delete(nullptr);
    operator delete[](nullptr);
}

static void nothrow() {
    for (size_t size : SIZES) {
        void *one = operator new(size, std::nothrow), *many = operator new[](size, std::nothrow);
        CHECK(one && many);
        fill(one, size, 1);
        fill(many, size, 2);
        operator delete(one, std::nothrow);
        operator delete[](many, std::nothrow);
    }
}

static void sized() {
    for (int round = 0; round < 20; round++)
        for (size_t size : SIZES) {
            void *one = operator new(size), *many = operator new[](size);
            operator delete(one, size);
            operator delete[](many, size);
        }
    operator delete(nullptr, (size_t)8);
}

static void aligned() {
    for (size_t align = 1; align <= (size_t)1 << 20; align *= 2)
        for (size_t size : SIZES) {
            std::align_val_t at{align};
            void *blocks[6] = {operator new(size, at), operator new[](size, at),
                               operator new(size, at, std::nothrow),
                               operator new[](size, at, std::nothrow),
                               operator new(size, at), operator new[](size, at)};
            for (void *block : blocks) {
                CHECK(block && is_aligned(block, align));
                memset(block, 0x77, size);
            }
            operator delete(blocks[0], at);
            operator delete[](blocks[1], at);
            operator delete(blocks[2], at, std::nothrow);
            operator delete[](blocks[3], at, std::nothrow);
            operator delete(blocks[4], size, at);
            operator delete[](blocks[5], size, at);
        }
}

static void expressions() {
    std::map<std::string, std::unique_ptr<Wide>> wides;
    for (int i = 0; i < 2000; i++) {
        wides[std::to_string(i)] = std::make_unique<Wide>();
        CHECK(is_aligned(wides[std::to_string(i)].get(), 256));
    }
    std::vector<Page> pages(20);
    CHECK(is_aligned(pages.data(), 4096));
    delete[] new Page[3];
    delete new int(3);
}

template <typename F> static bool throws_bad_alloc(F allocate) {
    try {
        allocate();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void bad_alloc_is_thrown() {
    std::align_val_t at{128};
    CHECK(throws_bad_alloc([] { operator new(huge); }));
    CHECK(throws_bad_alloc([] { operator new[](huge); }));
    CHECK(throws_bad_alloc([&] { operator new(huge, at); }));
    CHECK(throws_bad_alloc([&] { operator new[](huge, at); }));
    CHECK(throws_bad_alloc([] { operator new(SIZE_MAX); }));
    CHECK(throws_bad_alloc([] { std::vector<char> bytes((size_t)1 << 60); }));
    delete new int(5);
}

static void nothrow_gives_null() {
    std::align_val_t at{128};
    CHECK(operator new(huge, std::nothrow) == nullptr);
    CHECK(operator new[](huge, std::nothrow) == nullptr);
    CHECK(operator new(huge, at, std::nothrow) == nullptr);
    CHECK(operator new[](huge, at, std::nothrow) == nullptr);
}

static int handler_calls = 0;

static void give_up_at_third_call() {
    if (++handler_calls == 3) std::set_new_handler(nullptr);
}

static void new_handler_is_called() {
    std::align_val_t at{128};
    auto count = [](auto allocate) {
        handler_calls = 0;
        std::set_new_handler(give_up_at_third_call);
        CHECK(throws_bad_alloc(allocate));
        return handler_calls;
    };
    CHECK(count([] { operator new(huge); }) == 3);
    CHECK(count([] { operator new[](huge); }) == 3);
    CHECK(count([&] { operator new(huge, at); }) == 3);
    handler_calls = 0;
    std::set_new_handler(give_up_at_third_call);
    CHECK(operator new(huge, std::nothrow) == nullptr);
    CHECK(handler_calls == 3);
}

static void *reserve = nullptr;

static void release_reserve() {
    handler_calls++;
    CHECK(reserve != nullptr);
    free(reserve);
    reserve = nullptr;
}

// The handler makes memory free, and the same call of new succeeds.
static void new_handler_can_help() {
    reserve = malloc((size_t)64 << 20);
    memset(reserve, 1, (size_t)64 << 20);
    limit_memory((size_t)16 << 20);
    std::set_new_handler(release_reserve);
    void *block = operator new((size_t)48 << 20);
    CHECK(block && handler_calls == 1);
    operator delete(block);
}

static void out_of_memory() {
    limit_memory((size_t)96 << 20);
    for (int round = 0; round < 2; round++) {
        std::vector<std::unique_ptr<char[]>> blocks;
        blocks.reserve(100000);
        CHECK(throws_bad_alloc([&] {
            for (;;) blocks.emplace_back(new char[1 << 16]);
        }));
        CHECK(blocks.size() > 200);
    }
}

static void a_handler_that_throws() {
    std::set_new_handler([] { throw std::bad_alloc(); });
    CHECK(throws_bad_alloc([] { operator new(huge); }));
    CHECK(operator new(huge, std::nothrow) == nullptr);
}

#define CASE(name) {#name, name}
CASES(CASE(plain_and_array), CASE(nothrow), CASE(sized), CASE(aligned), CASE(expressions),
      CASE(bad_alloc_is_thrown), CASE(nothrow_gives_null), CASE(new_handler_is_called),
      CASE(new_handler_can_help), CASE(out_of_memory), CASE(a_handler_that_throws))
